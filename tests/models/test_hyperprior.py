"""Quantised models: what they start from, and the same networks under every arithmetic."""

import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.network import ExactNet
from rec_jax.exact.scope import exact_jax
from rec_jax.models import make_model
from rec_jax.models.base import CurveModel, LossyModel, QuantisedModel
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params
from rec_jax.models.float_net import FloatNet
from rec_jax.models.hyperprior_start import components
from rec_jax.models.knots import at_qualities, at_quality
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet
from rec_jax.models.shuffle import depth_to_space, space_to_depth
from tests.models.tiny_hyperprior import SECTION, smooth_pictures


@pytest.fixture(scope="module", params=["scale", "mean_scale"])
def started(request):
    model = make_model(SECTION | dict(hyperprior=request.param))
    x = scale_pixels(smooth_pictures().astype(np.float32))
    params = model.start(x)
    rng = np.random.default_rng(1)  # what starts at zero would hide mistakes
    for block in params["synthesis"][0]["blocks"] + params["hyper_synthesis"][0]["blocks"]:
        block["second"]["w"] += rng.normal(0, 0.02, block["second"]["w"].shape).astype(np.float32)
    return model, params, x


def test_it_is_a_quantised_model(started):
    model, _, _ = started
    assert isinstance(model, QuantisedModel) and isinstance(model, CurveModel) and not isinstance(model, LossyModel)
    assert model.stride == 32 and [(g.stride, g.channels) for g in model.groups] == [(32, 4), (16, 12)]


def test_it_starts_as_a_transform_coder():
    """Without rounding, the picture is its projection on the strongest components, whose scales the laws know."""
    model = make_model(SECTION)
    x = scale_pixels(smooth_pictures().astype(np.float32))
    params, net = at_qualities(model.start(x), np.full(len(x), 60.0), np), NumpyNet(np.float64)
    y, z = model.analyse(net, params, x)
    picture = model.synthesise(net, params, y)
    mean = x.mean((0, 1, 2))
    below = space_to_depth(x - mean, 8)
    first = components(below, 16)
    here = space_to_depth(below @ first, 2)
    second = components(here, 16)[:, :12]
    projected = depth_to_space(depth_to_space(here @ second @ second.T, 2) @ first.T, 8) + mean
    np.testing.assert_allclose(picture, projected, atol=1e-4)
    np.testing.assert_allclose(y, here @ second, atol=1e-4)
    law = model.latent_law(net, params, np.zeros_like(z))
    steps = (y / np.exp(law.log_step)).std((0, 1, 2))
    np.testing.assert_allclose(np.exp(law.log_scale).mean((0, 1, 2)), steps, rtol=0.05)


def test_every_net_is_the_same_network(started):
    """Floats under jax and numpy agree; integers do with them to a few units, and with each other exactly."""
    model, params, x = started
    stored, quality = quantise_params(model, params), 35
    near = at_qualities(float_params(stored), np.full(len(x), float(quality)), np)
    by_jax = model.analyse(FloatNet(), near, jnp.asarray(x))
    by_numpy = model.analyse(NumpyNet(), near, x)
    for ours, theirs in zip(by_jax, by_numpy, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-4)
    y, z = (np.floor(part + 0.5)[:1] for part in by_numpy)
    of_float = floats(model, NumpyNet(np.float64), at_qualities(float_params(stored), np.array([35.0]), np), y, z)
    found = []
    for xp, dtype in ((np, "int64"), (np, "float64"), (jnp, "float64")):
        with exact_jax():
            exact = exact_params(model, at_quality(stored, quality), xp, dtype)
            units = [xp.asarray((part.astype(np.int64) << FRACTION_BITS).astype(dtype)) for part in (y, z)]
            found.append([np.asarray(part, np.int64) for part in floats(model, ExactNet(xp, dtype), exact, *units)])
    for judge, *others in zip(*found, strict=True):
        assert all(np.array_equal(judge, other) for other in others)
    for name, units, value in zip(("loc", "log_scale", "log_step", "picture"), found[0], of_float, strict=True):
        scale = 2.0**16 if name == "picture" else 2.0**12
        np.testing.assert_allclose(units / scale, np.broadcast_to(value, units.shape), atol=0.01, err_msg=name)


def floats(model, net, params, y, z):
    return (*model.latent_law(net, params, z), model.synthesise(net, params, y))


def test_a_stored_tree_is_checked(started):
    model, params, _ = started
    stored = quantise_params(model, params)
    check_stored(model, stored, "it")
    assert stored["analysis"]["out"]["w"].dtype == np.float32 and stored["laws"]["w"].dtype == np.int16


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("hyperprior", "median", "have scale, mean_scale"),
        ("channels", 17, "1 to the last level's width, 16"),
        ("hyper_channels", 0, "1 to 4096"),
        (
            "hyper_levels",
            ((8, 8, 1, 1), (32, 8, 1, 1)),
            "strides must grow by whole factors, from that of the last of model.levels, 16",
        ),
        ("hyper_levels", ((16, 8, 1, 1), (16, 8, 1, 1)), "strides must grow"),
        ("levels", ((8, 16, 1),), "each \\(stride, width, down, up\\)"),
        ("levels", ((8, 0, 1, 1),), "widths of 1 to 4096"),
        ("levels", (), "1 to 8 levels"),
    ],
)
def test_what_cannot_be_is_told(field, value, words):
    with pytest.raises(ConfigError, match=words):
        make_model(SECTION | {field: value})

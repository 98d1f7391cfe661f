"""The paper's lossy model: GDN, what it starts from, and the same walk under every arithmetic."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.numpy_gaussian import kl_nats
from rec_jax.exact.arithmetic import FRACTION_BITS, LIMIT
from rec_jax.exact.network import ExactNet
from rec_jax.exact.quantise import quantise_conv
from rec_jax.exact.scope import exact_jax
from rec_jax.models import make_model
from rec_jax.models.base import LossyModel, QuantisedModel
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gdn import gdn, igdn
from rec_jax.models.hyperprior_start import components
from rec_jax.models.knots import at_qualities, at_quality
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet
from rec_jax.models.shuffle import depth_to_space, space_to_depth
from tests.models.lossy_walk import walk
from tests.models.tiny_hyperprior import smooth_pictures
from tests.models.tiny_two_level import SECTION

FAST = {"xla_backend_optimization_level": 0}  # to compile
NETS = ((np, "int64"), (np, "float64"), (jnp, "float64"))


@pytest.fixture(scope="module")
def started():
    model = make_model(SECTION)
    x = scale_pixels(smooth_pictures(8, 32).astype(np.float32))
    return model, model.start(x), x


@pytest.fixture(scope="module")
def trained(started):
    """What starts at zero or alike would hide mistakes."""
    model, params, x = started
    rng = np.random.default_rng(1)
    moved = jax.tree.map(lambda p: p + rng.normal(0, 0.02, p.shape).astype(np.float32), params)
    return model, moved, x


def at(params, quality: float, n: int = 1):
    return at_qualities(params, np.full(n, float(quality)), np)


def test_it_is_a_lossy_model(started):
    model = started[0]
    assert isinstance(model, LossyModel) and not isinstance(model, QuantisedModel)
    assert model.stride == 16 and [tuple(g) for g in model.groups] == [(1, 16, 6), (1, 4, 12)]
    assert make_model(SECTION | dict(transform_widths=(8, 8, 8))).stride == 64


def test_it_starts_as_a_transform_coder(started):
    """At a high quality the picture is nearly its projection on components of 4x4 squares."""
    model, params, x = started
    _, _, picture = walk(model, NumpyNet(np.float64), at(params, 100), x, 0.0)
    mean = x.mean((0, 1, 2))
    squares = space_to_depth(x - mean, 4)
    basis = components(squares, 12)
    projected = depth_to_space(squares @ basis @ basis.T, 4) + mean
    best = np.mean((projected - x) ** 2)
    assert best < np.mean((picture - x) ** 2) < 2 * best + 0.01 * x.var()


@pytest.mark.parametrize("quality", [0, 50, 100])
def test_its_first_loss_is_that_of_independent_gaussians_or_less(started, quality):
    """R + lambda D of components at their best, of which the means of z2 save something and the floor costs some."""
    model, params, x = started
    rng = np.random.default_rng(2)
    sample = rng.standard_normal
    net, bits = NumpyNet(np.float64), 0.0

    def draw(layer, prior, hidden):
        nonlocal bits
        loc, log_scale = model.posterior(net, layer.params, hidden, layer.context)
        bits += kl_nats(loc, np.exp(log_scale), prior[0], np.exp(prior[1])).sum() / np.log(2)
        return loc + sample(loc.shape) * np.exp(log_scale), None

    params = at(params, quality)
    picture, _ = model.top_down(net, params, draw, len(x), x.shape[1:3], model.infer(net, params, x))
    multiplier = 0.001 * 100 ** (quality / 100)
    loss = bits / x[..., 0].size + multiplier * 255**2 * np.mean((picture - x) ** 2)
    variances = np.linalg.eigvalsh(np.cov(space_to_depth(x, 4).reshape(-1, 48).T))
    theta = 3 / (2 * np.log(2) * 255**2 * multiplier)
    rate = np.maximum(0.5 * np.log2(variances / theta), 0).sum() / 16
    bound = rate + multiplier * 255**2 * np.minimum(variances, theta).sum() / 48
    assert loss < 1.1 * bound + 0.02


def test_z2_predicts_the_means_of_z1(started):
    model, params, x = started
    priors, posteriors, _ = walk(model, NumpyNet(np.float64), at(params, 100), x, 0.0)
    loc = posteriors[1][0][..., 0]
    means = loc.reshape(8, 2, 4, 2, 4).mean((2, 4)).repeat(4, axis=1).repeat(4, axis=2)
    assert np.corrcoef(priors[1][0][..., 0].ravel(), means.ravel())[0, 1] > 0.99


def test_igdn_nearly_undoes_gdn_and_negative_weights_are_none():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 3, 4))
    gamma = 0.02 * rng.uniform(size=(1, 1, 4, 4))
    divided = gdn(NumpyNet(np.float64), {"w": gamma, "b": np.full(4, 1 - 2.0**-6)}, x)
    np.testing.assert_allclose(divided, x / (1 + abs(x) @ gamma[0, 0]), rtol=1e-12)
    np.testing.assert_allclose(igdn(NumpyNet(np.float64), {"w": gamma, "b": np.ones(4)}, divided), x, atol=0.05)
    none = {"w": np.full((1, 1, 4, 4), -1.0), "b": np.full(4, -1.0)}
    for net in (FloatNet(), NumpyNet()):
        assert not np.any(igdn(net, none, x.astype(np.float32)))
        np.testing.assert_allclose(gdn(net, none, x.astype(np.float32)), 64 * x, rtol=1e-4)


def test_negative_weights_of_a_gdn_can_rise_again():
    """Where less of it would cost less the gradient is none, where more of it would it is there."""
    net, x = FloatNet(), jnp.ones((1, 1, 1, 1))
    slope = jax.grad(lambda w, sign: sign * igdn(net, {"w": w, "b": jnp.zeros(1)}, x).sum())
    below, above = jnp.full((1, 1, 1, 1), -0.1), jnp.full((1, 1, 1, 1), 0.1)
    assert slope(below, 1.0) == 0 and slope(below, -1.0) == -1 and slope(above, 1.0) == 1


@pytest.mark.parametrize(("xp", "dtype"), NETS)
def test_igdn_holds_its_bounds_for_any_input(xp, dtype):
    """The largest features and weights stay exact: what Python's integers say, clipped."""
    rng = np.random.default_rng(0)
    weights = {"w": rng.choice([-1000.0, 1000.0], (1, 1, 3, 3)), "b": np.array([-200.0, 0.0, 200.0])}
    stored = quantise_conv(weights["w"], weights["b"])
    x = rng.choice([-LIMIT, -1, 0, 1, 5000, LIMIT], (1, 2, 5, 3))
    model_free = {"own": stored}
    with exact_jax():
        params = exact_params(make_model(SECTION), model_free, xp, dtype)["own"]
        found = np.asarray(igdn(ExactNet(xp, dtype), params, xp.asarray(x.astype(dtype))), np.int64)
    for place in np.ndindex(x.shape):
        row, c = [int(v) for v in x[place[:3]]], place[3]
        total = sum(max(int(w), 0) * abs(v) for w, v in zip(stored["w"][0, 0, :, c], row, strict=True))
        bits = int(stored["bits"][c])
        factor = min((total + max(int(stored["b"][c]), 0) + (1 << (bits - 1))) >> bits, LIMIT)
        product = (row[c] * factor + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS
        assert found[place] == min(max(product, -LIMIT), LIMIT)


def test_float_nets_agree(trained):
    model, params, x = trained
    own = at(params, 30, 2)
    a = walk(model, NumpyNet(), own, x[:2], 0.3)
    b = jax.jit(lambda own, x: walk(model, FloatNet(unroll=True), own, x, 0.3), compiler_options=FAST)(own, x[:2])
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=1e-3, atol=2e-3), a, b)


def test_every_arithmetic_walks_to_the_same_integers_near_the_floats(trained):
    """int64 is the judge of float64 under numpy and jax; floats of the same numbers are near."""
    model, params, _ = trained
    stored, quality, found = quantise_params(model, params), 37, []
    rng = np.random.default_rng(0)
    units = [
        rng.integers(-2 << FRACTION_BITS, 2 << FRACTION_BITS, (1, s, s, g.channels))
        for s, g in ((2, model.groups[0]), (8, model.groups[1]))
    ]

    def run(net, params, latents):
        seen = []

        def draw(layer, prior, hidden):
            seen.extend(prior)
            return latents[int(layer.number)], None

        picture, _ = model.top_down(net, params, draw, 1, (32, 32))
        return [*seen, picture]

    for xp, dtype in NETS:
        with exact_jax():
            own = exact_params(model, at_quality(stored, quality), xp, dtype)
            latents = [xp.asarray(z.astype(dtype)) for z in units]
            walked = partial(run, ExactNet(xp, dtype))
            walked = walked if xp is np else jax.jit(walked, compiler_options=FAST)
            found.append([np.asarray(part, np.int64) for part in walked(own, latents)])
    for judge, *others in zip(*found, strict=True):
        assert all(np.array_equal(judge, other) for other in others)
    latents = [z * 2.0**-FRACTION_BITS for z in units]
    near = run(NumpyNet(np.float64), float_params(at_quality(stored, quality)), latents)
    for units_of, value, bits in zip(found[0], near, (12, 12, 12, 12, 16), strict=True):
        np.testing.assert_allclose(units_of * 2.0**-bits, np.broadcast_to(value, units_of.shape), atol=0.01)


def test_a_stored_tree_is_checked(trained):
    model, params, _ = trained
    stored = quantise_params(model, params)
    check_stored(model, stored, "it")
    assert stored["analysis"]["levels"][0]["gdn"]["w"].dtype == np.float32
    assert stored["synthesis"][0]["igdn"]["w"].dtype == np.int16
    assert "posterior" not in exact_params(model, at_quality(stored, 0))["layers"][0]
    stored["synthesis"][0]["igdn"]["w"] = stored["synthesis"][0]["igdn"]["w"][..., :3]
    with pytest.raises(CorruptFile, match="igdn"):
        check_stored(model, stored, "it")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("transform_widths", (), "1 to 3 widths"),
        ("transform_widths", (8, 8, 8, 8), "1 to 3 widths"),
        ("transform_widths", (8, 0), "of 1 to 4096"),
        ("channels", 0, "1 to 4096"),
        ("hyper_width", 2.0, "1 to 4096"),
        ("hyper_channels", 5000, "1 to 4096"),
        ("knots", 4, "divides 100"),
    ],
)
def test_what_cannot_be_is_told(field, value, words):
    with pytest.raises(ConfigError, match=words):
        make_model(SECTION | {field: value})

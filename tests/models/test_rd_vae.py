"""The lossy model: what it starts from, and the same walk under every net."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.models import make_model
from rec_jax.models.exact_params import check_stored, float_params, quantise_params
from rec_jax.models.float_net import FloatNet
from rec_jax.models.knots import at_qualities, at_quality
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet
from rec_jax.models.rd_vae_start import _components
from rec_jax.models.shuffle import depth_to_space, space_to_depth
from tests.models.lossy_walk import walk

LEVELS = ((4, 24, 2, 8, 1), (8, 24, 1, 4, 1), (16, 16, 1, 4, 0))
SECTION = dict(kind="rd_vae", levels=LEVELS, knots=3, lambdas=(0.001, 0.1), distortion="mse")


@pytest.fixture(scope="module")
def pictures():
    rng = np.random.default_rng(0)
    rows = np.cumsum(rng.normal(size=(12, 32, 32, 3)), axis=1) + np.cumsum(rng.normal(size=(12, 32, 32, 3)), axis=2)
    return scale_pixels(np.clip(128 + 8 * rows, 0, 255))


@pytest.fixture(scope="module")
def started(pictures):
    model = make_model(SECTION)
    return model, model.start(pictures)


def test_it_starts_as_a_transform_coder(started, pictures):
    """With the posterior's locs, the picture is the projection on the strongest components."""
    model, params = started
    _, _, picture = walk(model, NumpyNet(np.float64), at_quality_floats(params, 100), pictures, 0.0)
    basis, mean = _components(pictures, 4, 16)
    projected = depth_to_space((space_to_depth(pictures, 4) - mean) @ basis @ basis.T + mean, 4)
    assert np.mean((picture - projected) ** 2) < 0.02 * np.mean((pictures - pictures.mean()) ** 2)


def test_coarser_levels_predict_finer_ones(started, pictures):
    """The prior's loc of the first components explains much of their variance."""
    model, params = started
    priors, posteriors, _ = walk(model, NumpyNet(np.float64), at_quality_floats(params, 100), pictures, 0.0)
    prior, posterior = priors[2][0], posteriors[2][0]  # the first layer of the finest level
    for channel in range(4):
        assert np.corrcoef(posterior[..., channel].ravel(), prior[..., channel].ravel())[0, 1] > 0.5
        assert np.var(posterior[..., channel] - prior[..., channel]) < 0.7 * np.var(posterior[..., channel])


def test_float_nets_agree(started, pictures):
    model, params = started
    qualities = np.full(2, 30.0)
    x = pictures[:2].astype(np.float32)
    a = walk(model, NumpyNet(), at_qualities(params, qualities, np), x, 0.3)
    b = walk(model, FloatNet(unroll=True), at_qualities(jax.tree.map(jnp.asarray, params), qualities, jnp), x, 0.3)
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=1e-3, atol=2e-3), a, b)


def test_stored_parameters_are_checked_and_come_back(started):
    model, params = started
    stored = quantise_params(model, params)
    check_stored(model, stored, "a file")
    back = float_params(stored)
    jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=1e-3, atol=2e-3), back, params)
    stored["layers"][0]["front_at"]["knots"] = stored["layers"][0]["front_at"]["knots"][:, :2]
    with pytest.raises(Exception, match="front_at/knots"):
        check_stored(model, stored, "a file")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (dict(levels=((4, 8, 2, 8, 1),)), "finest level's layers x channels"),
        (dict(levels=((4, 8, 2, 8),)), "every level is"),
        (dict(levels=((8, 24, 1, 4, 1), (4, 24, 1, 4, 1))), "strides must grow"),
        (dict(levels=((4, 24, 0, 4, 1),)), "at least 1"),
        (dict(levels=((4, 24, 1, 5000, 1),)), "layers x channels|at most"),
        (dict(knots=4), "divides 100"),
        (dict(lambdas=(0.1, 0.001)), "rising"),
        (dict(distortion="lpips"), "have mse, ms_ssim"),
    ],
)
def test_impossible_sections_are_named(change, words):
    with pytest.raises(ConfigError, match=words):
        make_model(SECTION | change)


def at_quality_floats(params, quality: int):
    return at_qualities(params, np.full(1, float(quality)), np)


def test_a_quality_of_integers_is_that_of_the_floats(started):
    model, params = started
    stored = quantise_params(model, params)
    for quality in (0, 33, 100):
        exact, floats = float_params(at_quality(stored, quality)), at_quality_floats(params, quality)
        jax.tree.map(lambda u, v: np.testing.assert_allclose(u, v, rtol=1e-3, atol=2e-3), exact, floats)

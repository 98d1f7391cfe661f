"""p(x | z) sums to 1, is what the codec's tables hold, and its colours depend on each other."""

import jax
import numpy as np
import pytest
from scipy import special, stats

from rec_jax.core.errors import ConfigError
from rec_jax.models import make_model
from rec_jax.models.float_net import FloatNet
from rec_jax.models.likelihoods.base import (
    MIN_LOG_SCALE,
    Phase,
    colour_mixture,
    log_likelihood_nats,
    log_prob_nats,
    scale_pixels,
)
from rec_jax.models.likelihoods.logistic import Logistic, PixelScaleLogistic
from rec_jax.models.likelihoods.mixture import ColourMixture

LIKELIHOODS = [Logistic(), PixelScaleLogistic(), ColourMixture(1), ColourMixture(3)]
IDS = ["logistic", "pixel scale", "one component", "three components"]
N_PIXELS = 8


class Float64:
    """A net that only says in which arrays it computes."""

    xp = np


@pytest.fixture(params=LIKELIHOODS, ids=IDS)
def case(request):
    """(likelihood, shared, outputs [N, n_outputs], pixels uint8 [N, 3])."""
    rng = np.random.default_rng(0)
    likelihood = request.param
    start = likelihood.init(rng.uniform(-0.5, 0.5, (2, 4, 4, 3)).astype(np.float32), np)
    shared = {name: np.asarray(value) + 0.1 * np.float32(rng.normal(size=value.shape)) for name, value in start.items()}
    outputs = 0.3 * rng.normal(size=(N_PIXELS, likelihood.n_outputs)).astype(np.float32)
    return likelihood, shared, outputs, rng.integers(0, 256, (N_PIXELS, 3), np.uint8)


def table(likelihood, shared, outputs, pixels, channel):
    """P(v | channels before) from the logistics' CDFs by scipy, float64 [N, 256]."""
    wide = {name: np.asarray(value, np.float64) for name, value in shared.items()}
    rows = likelihood.rows(Float64, wide, np.asarray(outputs, np.float64), None, Phase())
    logits, loc, log_scale = (x[:, None] for x in colour_mixture(rows, scale_pixels(pixels.astype(float)), channel))
    edges = np.arange(257)[:, None] / 256 - 0.5
    edges[[0, -1]] = [[-np.inf], [np.inf]]
    below = stats.logistic.cdf(edges, loc, np.exp(np.maximum(log_scale, MIN_LOG_SCALE)))  # [N, 257, n]
    return (special.softmax(logits, -1) * np.diff(below, axis=1)).sum(-1)


def log_likelihood(likelihood, shared, outputs, images):
    return np.asarray(jax.jit(lambda o, x: log_likelihood_nats(likelihood, FloatNet(), shared, o, x))(outputs, images))


def test_probabilities_sum_to_one_whatever_came_before(case):
    for channel in range(3):
        probabilities = table(*case, channel)
        assert (probabilities >= 0).all()
        np.testing.assert_allclose(probabilities.sum(1), 1.0, rtol=1e-12)


def test_training_sees_these_probabilities(case):
    """jax in float32 against scipy in float64, for every value of every channel."""
    likelihood, shared, outputs, pixels = case
    before = sum(np.log(table(*case, c)[np.arange(N_PIXELS), pixels[:, c]]) for c in range(2))
    every = np.broadcast_to(pixels[None], (256, N_PIXELS, 3)).copy()
    every[..., 2] = np.arange(256)[:, None]
    # one "image" of one pixel for each value and pixel
    nats = log_likelihood(
        likelihood, shared, np.tile(outputs, (256, 1))[:, None, None], every.reshape(-1, 1, 1, 3)
    ).reshape(256, N_PIXELS)
    np.testing.assert_allclose(nats - before, np.log(np.maximum(table(*case, 2).T, 1e-30)), rtol=1e-3, atol=2e-3)


def test_each_image_of_a_batch_counts_alone(case):
    likelihood, shared, outputs, pixels = case
    maps, images = outputs.reshape(2, 2, 2, -1), pixels.reshape(2, 2, 2, 3)
    expected = [sum(np.log(table(*case, c)[np.arange(8), pixels[:, c]]).reshape(2, 4).sum(1) for c in range(3))]
    np.testing.assert_allclose(log_likelihood(likelihood, shared, maps, images), expected[0], rtol=1e-4)


def test_a_logistic_has_the_mass_of_its_bins():
    outputs = np.array([[0.1, -0.2, 0.45]])
    shared = {"log_scale": np.array(-2.0)}
    probabilities = table(Logistic(), shared, outputs, np.zeros((1, 3), np.uint8), 0)[0]
    cdf = stats.logistic(0.1, np.exp(-2.0)).cdf
    np.testing.assert_allclose(probabilities[100], cdf(101 / 256 - 0.5) - cdf(100 / 256 - 0.5), rtol=1e-9)
    np.testing.assert_allclose(probabilities[0], cdf(1 / 256 - 0.5), rtol=1e-9)
    np.testing.assert_allclose(probabilities[255], 1 - cdf(255 / 256 - 0.5), rtol=1e-9)


def test_only_the_mixture_lets_colours_depend(case):
    likelihood, shared, outputs, pixels = case
    other = pixels.copy()
    other[:, 0] ^= 128
    for channel in range(3):
        moved = np.abs(table(*case, channel) - table(likelihood, shared, outputs, other, channel)).max()
        assert (moved > 1e-3) == (channel > 0 and isinstance(likelihood, ColourMixture))


def test_blue_depends_on_green():
    rng = np.random.default_rng(1)
    likelihood = ColourMixture(2)
    shared = {"log_scale": np.full(2, -3.0), "loc": np.zeros(2)}
    outputs = rng.normal(size=(1, likelihood.n_outputs))
    a, b = (table(likelihood, shared, outputs, np.uint8([[9, green, 0]]), 2) for green in (0, 255))
    assert np.abs(a - b).max() > 1e-3


@pytest.mark.parametrize("log_scale", [-1e6, -8.0, -3.0, 5.0, 60.0])
def test_every_scale_gives_finite_numbers(log_scale):
    """Sharper than MIN_LOG_SCALE is cut; a component broader than everything puts its mass on 0 and 255."""
    shared = {"log_scale": np.float32(log_scale)}
    outputs, images = np.zeros((1, 2, 2, 3), np.float32), np.uint8([[[[0, 128, 255]] * 2] * 2])
    nats = log_likelihood(Logistic(), shared, outputs, images)
    assert np.isfinite(nats).all()
    if log_scale < MIN_LOG_SCALE:
        np.testing.assert_allclose(nats, log_likelihood(Logistic(), {"log_scale": np.float32(-8)}, outputs, images))


def test_gradients_are_finite_at_the_edges_and_far_away(case):
    likelihood, shared, outputs, _ = case
    images = np.broadcast_to(np.uint8([0, 255, 128]), (1, 4, 2, 3))
    far = np.float32(30.0) * outputs.reshape(1, 4, 2, -1)
    gradient = jax.jit(jax.grad(lambda o: log_likelihood_nats(likelihood, FloatNet(), shared, o, images).sum()))(far)
    assert np.isfinite(gradient).all()


def test_scaled_pixels_are_the_centres_of_their_bins():
    x = scale_pixels(np.arange(256.0))
    np.testing.assert_allclose(x[[0, 255]], [-0.5 + 0.5 / 256, 0.5 - 0.5 / 256])
    x = scale_pixels(np.arange(65536.0), depth=16)
    np.testing.assert_allclose(x[[0, 65535]], [-0.5 + 0.5 / 65536, 0.5 - 0.5 / 65536])


def test_a_value_of_8_bits_has_the_mass_of_its_256_values_of_16_bits():
    likelihood, shared = ColourMixture(2), {"log_scale": np.array([-3.0, -2.0]), "loc": np.zeros(2)}
    rows = likelihood.rows(Float64, shared, np.random.default_rng(0).normal(size=(1, 24)), None, Phase())
    coarse = log_prob_nats(rows, np.array([[77.0, 0, 0]]), np, 8, n_channels=1)
    fine = np.stack([77 * 256.0 + np.arange(256), *np.zeros((2, 256))], 1)
    rows = type(rows)(*(np.repeat(x, 256, axis=0) for x in rows))
    np.testing.assert_allclose(np.exp(log_prob_nats(rows, fine, np, 16, n_channels=1)).sum(), np.exp(coarse), rtol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(kind="vae"), "'vae' is unknown; have resnet_vae"),
        (dict(likelihood="gauss"), "'gauss' is unknown; have logistic, pixel_scale_logistic, colour_mixture"),
        (dict(likelihood="colour_mixture", n_components=0), "n_components=0"),
        (dict(likelihood="colour_mixture", n_components=9), "n_components=9: a mixture has 1 to 8"),
        (dict(levels=((2, 1025, 4, 1),)), "at most 8 levels, 1024 blocks"),
        (dict(levels=((128, 1, 4, 1),)), "a stride of 64"),
        (dict(levels=()), "strides must grow"),
        (dict(levels=((4, 1, 4, 1), (2, 1, 4, 1))), "strides must grow"),
        (dict(levels=((2, 1, 4, 1), (3, 1, 4, 1))), "strides must grow"),
        (dict(levels=((0, 1, 4, 1),)), "strides must grow"),
        (dict(levels=((1, 1, 4, 1),)), "strides must grow"),
        (dict(levels=((2, 0, 4, 1),)), "at least 1"),
        (dict(levels=((2, 1, 4),)), "every level is"),
        (dict(levels=((2, 1, 4, 1.5),)), "every level is"),
    ],
)
def test_impossible_models_are_refused_by_name(change, message):
    config = dict(kind="resnet_vae", levels=((2, 1, 4, 1),), likelihood="logistic", n_components=3) | change
    with pytest.raises(ConfigError, match=message):
        make_model(config)

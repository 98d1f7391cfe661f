"""Weights as integers and back, and a small network that gives the same integers in every arithmetic."""

import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.exact.arithmetic import FRACTION_BITS, LIMIT
from rec_jax.exact.network import OUTPUT_BITS, OUTPUT_LIMIT, ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.quantise import (
    MAX_BITS,
    MIN_BITS,
    WEIGHT_LIMIT,
    check_conv,
    float_conv,
    prepared,
    quantise_conv,
    quantise_vector,
)
from rec_jax.exact.scope import exact_jax


def random_conv(rng, *shape, spread=0.2):
    """Channels of very different sizes."""
    sizes = spread * np.exp(rng.normal(size=shape[-1]))
    return quantise_conv(rng.normal(size=shape) * sizes, rng.normal(size=(*shape[:-4], shape[-1])))


@pytest.mark.parametrize("shape", [(3, 3, 4, 5), (2, 1, 1, 3, 2), (1, 3, 2, 1)])
def test_quantised_weights_stand_for_the_floats(shape):
    rng = np.random.default_rng(0)
    w = rng.normal(size=shape) * np.exp(3.0 * rng.normal(size=shape[-1]))
    b = rng.normal(size=(*shape[:-4], shape[-1]))
    stored = quantise_conv(w, b)
    assert [stored[k].dtype for k in ("w", "bits", "b")] == [np.int16, np.int8, np.int32]
    step = 2.0 ** -stored["bits"].astype(float)
    back = float_conv(stored)
    assert np.all(np.abs(back["w"] - w) <= 0.5001 * step[..., None, None, None, :])
    assert np.all(np.abs(back["b"] - b) <= 0.5001 * step * 2.0**-FRACTION_BITS + 1e-7 * np.abs(b))
    finest = np.abs(stored["w"].astype(int)).max(axis=(-4, -3, -2))
    bias_decides = np.abs(stored["b"].astype(float)) > 2.0**30 * 0.999
    assert np.all((finest > WEIGHT_LIMIT // 2) | (stored["bits"] == MAX_BITS) | bias_decides)
    assert finest.max() <= WEIGHT_LIMIT
    check_conv(stored, "w")


def test_floats_of_stored_weights_are_stored_again_as_they_were():
    stored = random_conv(np.random.default_rng(1), 3, 3, 4, 6)
    again = quantise_conv(**float_conv(stored))
    for name in ("w", "bits"):
        np.testing.assert_array_equal(again[name], stored[name])
    np.testing.assert_allclose(again["b"], stored["b"], rtol=2.0**-24)  # a float32 holds 24 of a bias's 31 bits


def test_weights_of_zero_and_large_biases_have_steps():
    stored = quantise_conv(np.zeros((1, 1, 2, 3)), np.array([0.0, 300.0, -1e6]))
    assert stored["bits"].min() >= MIN_BITS and stored["bits"].max() <= MAX_BITS
    assert float_conv(stored)["b"][1] == 300.0


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 1025.0, -1e30])
def test_weights_that_no_integer_holds_are_refused(wrong):
    w = np.ones((1, 1, 2, 2))
    w[0, 0, 1, 1] = wrong
    with pytest.raises(ConfigError, match="weights up to .*1024"):
        quantise_conv(w, np.zeros(2))
    if not np.isfinite(wrong):
        with pytest.raises(ConfigError):
            quantise_conv(np.ones((1, 1, 2, 2)), np.array([0.0, wrong]))
        with pytest.raises(ConfigError, match="not finite"):
            quantise_vector([0.0, wrong], 12)


def test_stored_weights_that_are_not_exact_are_damage():
    good = random_conv(np.random.default_rng(2), 3, 3, 4, 2)
    for bits in (MIN_BITS - 1, MAX_BITS + 1):
        with pytest.raises(CorruptFile, match="layer: its steps"):
            check_conv(good | {"bits": np.array([bits, MIN_BITS], np.int8)}, "layer")
    wide = np.full((5, 5, 2000, 1), WEIGHT_LIMIT, np.int16)
    with pytest.raises(CorruptFile, match="layer: its sums"):
        check_conv({"w": wide, "bits": np.array([MIN_BITS], np.int8), "b": np.zeros(1, np.int32)}, "layer")


@pytest.mark.parametrize("amplitude", [1.0, 1e9])  # as trained; and at the limits, where everything is clipped
def test_all_arithmetics_give_the_same_integers(amplitude):
    rng = np.random.default_rng(3)
    stored = {"first": random_conv(rng, 3, 3, 2, 4), "second": random_conv(rng, 5, 5, 6, 6),
              "third": random_conv(rng, 1, 1, 6, 6), "last": random_conv(rng, 1, 3, 6, 3)}  # fmt: skip
    x = np.clip(rng.normal(size=(2, 7, 5, 2)) * 4096 * amplitude, -LIMIT, LIMIT).round()
    tiled = rng.integers(-LIMIT, LIMIT, 2)

    def outputs(xp, dtype):
        net, params = ExactNet(xp, dtype), prepared(stored, xp, dtype)
        h = net.elu(net.conv(params["first"], xp.asarray(x.astype(dtype)), valid=True))
        h = net.concat([h, net.tile(xp.asarray(tiled.astype(dtype)), h.shape[:-1])])
        h = net.add_relu(net.conv_relu(params["second"], h), h)
        h = net.add_scaled(h, 0.37, net.elu(net.conv(params["third"], h)))
        return [np.asarray(y) for y in (h, net.output_conv(params["last"], h))]

    judge = outputs(np, "int64")
    assert all(y.dtype == np.int64 for y in judge)
    with exact_jax():
        others = [outputs(xp, dtype) for xp, dtype in ((np, "float64"), (jnp, "float64"), (jnp, "int64"))]
    for found in others:
        for a, b in zip(found, judge, strict=True):
            np.testing.assert_array_equal(a, b)
    assert np.abs(judge[0]).max() <= LIMIT and np.abs(judge[1]).max() <= OUTPUT_LIMIT
    assert np.any(judge[0] < 0) and len(np.unique(judge[1])) > 20


def test_a_network_is_near_the_floats_that_it_stands_for():
    rng = np.random.default_rng(4)
    stored = random_conv(rng, 3, 3, 2, 4)
    x = rng.integers(-4096, 4096, (1, 6, 6, 2))
    net, w = ExactNet(), float_conv(stored)
    found = net.output_conv(prepared(stored, np, "float64"), x.astype(np.float64)) * 2.0**-OUTPUT_BITS
    padded = np.pad(x * 2.0**-FRACTION_BITS, ((0, 0), (1, 1), (1, 1), (0, 0)))
    exact = sum(padded[:, i : i + 6, j : j + 6] @ w["w"][i, j] for i in range(3) for j in range(3)) + w["b"]
    np.testing.assert_allclose(found, exact, atol=2.0**-OUTPUT_BITS)
    activated = net.elu(np.float64([[-5000, -1, 0, 77]])) * 2.0**-FRACTION_BITS
    np.testing.assert_allclose(activated, [[np.expm1(-5000 / 4096), np.expm1(-1 / 4096), 0, 77 / 4096]], atol=2.0**-13)


def test_scales_of_priors_are_exponentials():
    log_scale = np.array([-30.0, -6.0, -2.3, -0.001, 0.0, 0.5, 3.99, 6.0, 30.0])
    loc = np.arange(9.0) - 4
    units, scale = prior_integers(loc, np.round(log_scale * 2**FRACTION_BITS), np)
    assert units.dtype == scale.dtype == np.int64
    np.testing.assert_array_equal(units, loc)
    np.testing.assert_allclose(scale * 2.0**-16, np.exp(np.clip(log_scale, -6, 6)), rtol=2.0**-9 * 1.01, atol=2.0**-17)
    for dtype in (np.int64, np.float64):
        again = prior_integers(loc.astype(dtype), np.round(log_scale * 2**FRACTION_BITS).astype(dtype), np)
        np.testing.assert_array_equal(again[1], scale)


def test_latents_are_clipped_and_take_their_place():
    like = np.zeros((1, 2, 1, 2))
    z = as_latents(np.array([[5, -(1 << 40), LIMIT + 1, 0]]), like, np)
    assert z.dtype == like.dtype
    np.testing.assert_array_equal(z, np.reshape([5, -LIMIT, LIMIT, 0], like.shape))

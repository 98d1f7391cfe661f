"""Pixels bit by bit: every picture can be written, at the cost that the masses say, and comes back."""

import numpy as np
import pytest

from rec_jax.codec.pixels import read_pixels, write_pixels
from rec_jax.entropy.base import BitCounter
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.entropy.stack import LastFirst, SymbolStack
from rec_jax.exact.network import OUTPUT_BITS, OUTPUT_LIMIT, ExactNet
from rec_jax.models.likelihoods.base import PixelParams, log_prob_nats
from rec_jax.models.likelihoods.logistic import Logistic, PixelScaleLogistic
from rec_jax.models.likelihoods.mixture import ColourMixture

NET = ExactNet()
UNIT = 1 << OUTPUT_BITS
MIXTURE = ColourMixture(2)
SHARED = {"log_scale": np.array([-3 * UNIT, -2 * UNIT]), "loc": np.array([-UNIT // 10, UNIT // 10])}


def outputs(height=6, width=5, scale=0.3, likelihood=MIXTURE):
    values = scale * np.random.default_rng(0).normal(size=(1, height, width, likelihood.n_outputs))
    return np.round(values * UNIT)


def noise(height=6, width=5, depth=8):
    return np.random.default_rng(1).integers(0, 1 << depth, (1, height, width, 3)).astype(np.int32)


def everywhere(pixels):
    return np.ones(pixels.shape[:3], bool)


def written(pixels, out, real, n_channels=3, depth=8, likelihood=MIXTURE, shared=SHARED):
    """(stream, its ideal bits, bits under the masses)."""
    writer, counter = SymbolWriter(), BitCounter()
    for sink in (writer, counter):
        ideal_bits = write_pixels(sink, likelihood, NET, shared, out, pixels.copy(), real, n_channels, depth)
    return writer.getvalue(), ideal_bits, counter.bits


def read(stream, out, real, n_channels=3, depth=8, likelihood=MIXTURE, shared=SHARED):
    return read_pixels(SymbolReader(stream), likelihood, NET, shared, out, real, n_channels, depth)


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("n_channels", [1, 3])
def test_round_trip_at_the_stated_cost(n_channels, depth):
    image, out = noise(40, 30, depth), outputs(40, 30)
    stream, ideal_bits, bits = written(image, out, everywhere(image), n_channels, depth)
    expected = image if n_channels == 3 else np.repeat(image[..., :1], 3, axis=-1)
    np.testing.assert_array_equal(read(stream, out, everywhere(image), n_channels, depth), expected)
    assert abs(8 * len(stream) - bits) < 64 + 1e-3 * bits
    assert abs(bits - ideal_bits) < (2e-3 if depth == 8 else 2e-2) * ideal_bits


@pytest.mark.parametrize("likelihood", [Logistic(), PixelScaleLogistic(), ColourMixture(1), ColourMixture(8)], ids=repr)
def test_every_likelihood_codes(likelihood):
    image, out = noise(), outputs(likelihood=likelihood)
    n = getattr(likelihood, "n_components", None)
    shared = {"log_scale": np.array(-UNIT) if n is None else np.full(n, -UNIT)}
    shared |= {} if n is None else {"loc": np.zeros(n, int)}
    options = dict(likelihood=likelihood, shared=shared)
    stream, ideal_bits, bits = written(image, out, everywhere(image), **options)
    np.testing.assert_array_equal(read(stream, out, everywhere(image), **options), image)
    assert abs(bits - ideal_bits) < 0.01 * ideal_bits


@pytest.mark.parametrize("bad", [OUTPUT_LIMIT, -OUTPUT_LIMIT, 100 * UNIT, -100 * UNIT, 0])
@pytest.mark.parametrize("depth", [8, 16])
def test_any_picture_can_be_written_whatever_a_network_puts_out(bad, depth):
    """At a bounded cost: the masses leave every value something."""
    image, out = noise(depth=depth), outputs()
    image[0, 0], image[0, 1] = 0, (1 << depth) - 1
    out[:, ::2] = bad
    stream, _, bits = written(image, out, everywhere(image), depth=depth)
    np.testing.assert_array_equal(read(stream, out, everywhere(image), depth=depth), image)
    assert bits < 25 * image.size


def test_only_what_is_real_is_written():
    image, out, real = noise(8, 8), outputs(8, 8), np.zeros((1, 8, 8), bool)
    real[:, :3, :5] = True
    stream, *_ = written(image, out, real)
    decoded = read(stream, out, real)
    np.testing.assert_array_equal(decoded[real], image[real])
    assert not decoded[~real].any()
    other = image.copy()
    other[~real] = 0
    assert written(other, out, real)[0] == stream


def test_a_stack_takes_pixels_as_a_queue_does():
    image, out, stack, sink = noise(), outputs(), SymbolStack(np.arange(9, dtype=np.uint32)), LastFirst()
    write_pixels(sink, MIXTURE, NET, SHARED, out, image.copy(), everywhere(image), 3, 8)
    sink.push_on(stack)
    decoded = read_pixels(stack, MIXTURE, NET, SHARED, out, everywhere(image), 3, 8)
    np.testing.assert_array_equal(decoded, image)
    np.testing.assert_array_equal(stack.start(), np.arange(9))


class CostOfEach:
    """A sink that sums the bits of each pixel and colour: [colour][N]."""

    def __init__(self, depth):
        self.depth, self.runs = depth, []

    def write_bits(self, bits, ones):
        self.runs.append(24 - np.log2(np.where(bits, ones, (1 << 24) - ones)))

    def bits(self):
        return np.stack(self.runs).reshape(3, self.depth, -1).sum(1)


@pytest.mark.parametrize("channel", range(3))
def test_the_masses_are_the_probabilities_of_the_likelihood(channel):
    """A value's exact cost against log P in floats, for every value of one pixel's red, green or blue."""
    out = np.repeat(outputs(1, 1), 256, axis=0)
    image = np.full((256, 1, 1, 3), 100, np.int32)
    image[..., channel] = np.arange(256)[:, None, None]
    cost = CostOfEach(8)
    write_pixels(cost, MIXTURE, NET, SHARED, out, image.copy(), everywhere(image), 3, 8)
    probabilities = 2.0 ** -cost.bits()[channel]
    assert abs(probabilities.sum() - 1.0) < 1e-9
    rows = MIXTURE.rows(NET, SHARED, out, None, MIXTURE.phases(1, 1)[0])
    floats = PixelParams(*(x[:, 0, 0] / UNIT for x in rows))
    values = image[:, 0, 0].astype(float)
    before, after = (log_prob_nats(floats, values, np, n_channels=n) if n else 0.0 for n in (channel, channel + 1))
    np.testing.assert_allclose(probabilities, np.exp(after - before), rtol=2e-2, atol=2e-5)

"""The pixel tables: integers that every picture can be written under, at the cost they say."""

import warnings

import numpy as np
import pytest

from rec_jax.codec.pixels import PixelCoder, bin_probabilities, quantise
from rec_jax.entropy.stream import SymbolReader, SymbolWriter
from rec_jax.entropy.tables import TOTAL
from rec_jax.models.likelihoods import ColourMixture, Logistic, Mixture

LIKELIHOOD = ColourMixture(2)
SHARED = {"log_scale": np.float32([-3.0, -2.0]), "loc": np.float32([-0.1, 0.1])}


def outputs(height=6, width=5, scale=0.3):
    return scale * np.random.default_rng(0).normal(size=(height, width, LIKELIHOOD.n_outputs)).astype(np.float32)


def noise(height=6, width=5):
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("n_channels", [1, 3])
def test_round_trip_at_the_stated_cost(n_channels):
    coder, writer, image = PixelCoder(LIKELIHOOD, SHARED, outputs(40, 30)), SymbolWriter(), noise(40, 30)
    ideal_bits, table_bits = coder.write(writer, image, n_channels)
    decoded = coder.read(SymbolReader(writer.getvalue()), n_channels)
    np.testing.assert_array_equal(decoded, image.reshape(-1, 3)[:, :n_channels])
    assert decoded.dtype == np.uint8
    assert abs(8 * len(writer.getvalue()) - table_bits) < 64 + 1e-3 * table_bits
    assert abs(table_bits - ideal_bits) < 2e-3 * ideal_bits


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e30, -1e30, 100.0])
def test_any_picture_can_be_written_whatever_a_network_puts_out(bad):
    """Infinities and NaN get the uniform table: 8 bits a value, and no warning."""
    broken, writer, image = outputs(), SymbolWriter(), noise()
    broken[::2] = bad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        coder = PixelCoder(LIKELIHOOD, SHARED, broken)
        _, bits = coder.write(writer, image, 3)
        decoded = coder.read(SymbolReader(writer.getvalue()), 3)
    np.testing.assert_array_equal(decoded.reshape(image.shape), image)
    assert np.isfinite(bits)


def test_frequencies_are_positive_and_sum_to_the_total():
    rng = np.random.default_rng(2)
    rows = [
        np.eye(256)[7],
        np.full(256, 1 / 256),
        rng.dirichlet(np.full(256, 0.01)),
        np.zeros(256),
        np.full(256, np.nan),
    ]
    frequencies = quantise(np.stack(rows))
    assert frequencies.dtype == np.int64 and frequencies.min() >= 1
    assert (frequencies.sum(1) == TOTAL).all()
    assert (frequencies[4] == TOTAL // 256).all()
    np.testing.assert_allclose(frequencies[2] / TOTAL, rows[2], atol=256 / TOTAL)


def test_a_mixture_is_the_sum_of_its_components():
    loc, log_scale = np.array([[0.1, -0.3]]), np.array([[-3.0, -2.0]])
    weight = np.array([[0.25, 0.75]])
    both = bin_probabilities(Mixture(np.log(weight), loc, log_scale))
    alone = [bin_probabilities(Mixture(np.zeros((1, 1)), loc[:, [i]], log_scale[:, [i]])) for i in (0, 1)]
    np.testing.assert_allclose(both, 0.25 * alone[0] + 0.75 * alone[1], atol=1e-15)


def test_the_paper_likelihood_codes_too():
    coder, writer, image = (
        PixelCoder(Logistic(), {"log_scale": np.float32(-3)}, outputs()[..., :3]),
        SymbolWriter(),
        noise(),
    )
    coder.write(writer, image, 3)
    np.testing.assert_array_equal(coder.read(SymbolReader(writer.getvalue()), 3).reshape(image.shape), image)

"""Logistic latents in integers: masses of the real law, scales that training has, the same in every arithmetic."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import logistic

from rec_jax.exact.logistic import (
    SPAN,
    BinnedLogistics,
    bin_middles,
    inverse_generative_scale,
    inverse_posterior_scale,
)
from rec_jax.exact.scope import exact_jax
from rec_jax.models.logistics import generative, posterior

RAW = np.concatenate([np.arange(-20 << 12, 20 << 12, 977), [0, -(256 << 12), 256 << 12]]).astype(np.int64)


@pytest.mark.parametrize(
    "exact, in_floats", [(inverse_posterior_scale, posterior), (inverse_generative_scale, generative)]
)
def test_scales_are_those_of_training_to_a_step(exact, in_floats):
    steps = np.floor(RAW * 2.0**-4 + 0.5) * 2.0**-8  # what a table knows of them
    wanted = np.asarray(in_floats(np.zeros(len(RAW), np.float32), steps.astype(np.float32)).scale)
    found = 2.0**16 / exact(RAW, np)
    np.testing.assert_allclose(found, wanted, rtol=3e-4)
    assert found.min() > 0.0999 and abs(found[list(RAW).index(0)] - wanted[list(RAW).index(0)]) < 1e-3


def laws(n=200):
    rng = np.random.default_rng(0)
    loc = np.round(rng.normal(0, 6, n) * 2**12).astype(np.int64)
    loc[:3] = [-(256 << 12), 256 << 12, 0]
    return loc, inverse_generative_scale(rng.integers(-(8 << 12), 8 << 12, n), np)


@pytest.mark.parametrize("bin_bits", [1, 6, 10])
def test_masses_are_the_logistics(bin_bits):
    loc, inverse = laws()
    law, edges = BinnedLogistics(loc, inverse, bin_bits), np.linspace(-SPAN, SPAN, (1 << bin_bits) + 1)
    last = np.zeros(len(loc))
    for value in range(1, 1 << bin_bits):
        below = law.below(np.full(len(loc), value))
        assert (below > last).all()  # every bin has some mass
        wanted = logistic.cdf((edges[value] - loc / 4096) * inverse / 65536)
        np.testing.assert_allclose(below / law.total, wanted, atol=3e-6)  # chords of cells of 2^-7
        last = below
    assert (law.total > last).all() and law.total.max() < 2**40


def test_a_bins_number_stands_for_its_middle():
    for bin_bits in (1, 10, 16):
        edges = np.linspace(-SPAN, SPAN, (1 << bin_bits) + 1)
        middles = bin_middles(np.arange(1 << bin_bits), bin_bits) / 4096
        np.testing.assert_array_equal(middles, (edges[1:] + edges[:-1]) / 2)


def test_jax_finds_the_same_integers():
    loc, inverse = laws()
    values = np.random.default_rng(1).integers(1, 1024, len(loc))
    with exact_jax():
        law = BinnedLogistics(jnp.asarray(loc), jnp.asarray(inverse), 10, jnp)
        np.testing.assert_array_equal(law.below(jnp.asarray(values)), BinnedLogistics(loc, inverse, 10).below(values))
        np.testing.assert_array_equal(law.total, BinnedLogistics(loc, inverse, 10).total)
        for scale in (inverse_posterior_scale, inverse_generative_scale):
            np.testing.assert_array_equal(scale(jnp.asarray(RAW.astype(float)), jnp), scale(RAW, np))

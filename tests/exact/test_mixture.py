"""Integer masses of mixtures of logistics: monotone, whole, never out of range, and near the floats."""

import numpy as np
import pytest
from scipy.special import expit, logsumexp

from rec_jax.exact.mixture import PROBABILITY_BITS, IntegerMixtures, components, upper_half
from rec_jax.exact.network import OUTPUT_BITS, OUTPUT_LIMIT
from rec_jax.exact.tables import PIXEL_LOG_SCALES

UNIT = 2.0**OUTPUT_BITS


def integers(*parts):
    return [np.clip(np.round(np.asarray(x) * UNIT), -OUTPUT_LIMIT, OUTPUT_LIMIT).astype(np.int64) for x in parts]


def integer_mixtures(logits, loc, log_scale, depth):
    """Of integers [N, n]."""
    return IntegerMixtures(components(logits.T, log_scale.T), loc.T, depth)


def masses(mixtures, depth, values):
    """U at values 0 .. 2^d, of which the ends are known."""
    inside = mixtures.below(np.clip(values, 1, (1 << depth) - 1))
    return np.where(values == 0, 0, np.where(values == 1 << depth, mixtures.total, inside))


def symbols(mixtures, depth, values):
    """(bits [d, N], their probabilities of 2^24) of values, from the top bit down."""
    low, high = np.zeros_like(values), np.full_like(values, 1 << depth)
    bits, ones = [], []
    for _ in range(depth):
        middle = (low + high) // 2
        ones.append(upper_half(*(masses(mixtures, depth, v) for v in (low, middle, high))))
        bits.append(values >= middle)
        low, high = np.where(bits[-1], middle, low), np.where(bits[-1], high, middle)
    np.testing.assert_array_equal(low, values)
    return np.array(bits), np.array(ones)


EXTREMES = {
    "as trained": lambda rng, n, k: (rng.normal(size=(n, k)), rng.normal(size=(n, k)) * 0.2, rng.normal(-3, 1, (n, k))),
    "sharpest": lambda rng, n, k: (np.zeros((n, k)), rng.uniform(-0.5, 0.5, (n, k)), np.full((n, k), -200.0)),
    "widest": lambda rng, n, k: (np.zeros((n, k)), rng.normal(size=(n, k)), np.full((n, k), 200.0)),
    "far outside": lambda rng, n, k: (np.zeros((n, k)), rng.choice([-200.0, 200.0], (n, k)), rng.normal(-5, 3, (n, k))),
    "one component": lambda rng, n, k: (300.0 * np.eye(k)[np.arange(n) % k], np.zeros((n, k)), np.full((n, k), -2.0)),
}


@pytest.mark.parametrize("kind", EXTREMES)
@pytest.mark.parametrize("depth", [8, 16])
def test_masses_rise_from_nothing_to_all(kind, depth):
    n, k = 6, 8
    mixtures = integer_mixtures(*integers(*EXTREMES[kind](np.random.default_rng(0), n, k)), depth)
    weights = mixtures._total_weight
    np.testing.assert_array_equal(mixtures.total, (weights << 24) + (weights << depth))
    size = 1 << depth
    values = np.unique(np.append(np.linspace(0, size, 600).astype(np.int64), np.arange(5)))
    u = np.array([masses(mixtures, depth, np.full(n, v)) for v in values])
    assert np.all(np.diff(u, axis=0) >= np.diff(values)[:, None] * weights)  # the second term alone gives so much
    assert np.all(u[0] == 0) and np.all(u[-1] == mixtures.total)
    assert int(mixtures.total.max()) << PROBABILITY_BITS < 1 << 64


@pytest.mark.parametrize("kind", EXTREMES)
def test_every_value_can_be_written(kind):
    depth, n = 8, 256
    one = [np.repeat(x, n, axis=0) for x in integers(*EXTREMES[kind](np.random.default_rng(1), 1, 3))]
    bits, ones = symbols(integer_mixtures(*one, depth), depth, np.arange(n))
    assert ones.min() >= 1 and ones.max() <= (1 << PROBABILITY_BITS) - 1 and ones.dtype == np.int64
    said = np.where(bits, ones, (1 << PROBABILITY_BITS) - ones) * 2.0**-PROBABILITY_BITS
    assert said.prod(axis=0).sum() == pytest.approx(1.0)


def test_the_largest_masses_do_not_overflow():
    """Eight components of full weight at 16 bits: the numerator holds 2^24 times their sum."""
    mixtures = integer_mixtures(*integers(*np.zeros((3, 1, 8))), 16)
    total = int(mixtures.total[0])
    assert total == 8 * (1 << 12) * ((1 << 24) + (1 << 16))
    for low, middle in ((0, 1), (0, total // 3), (0, total - 1), (5, 6)):
        found = upper_half(*(np.array([v]) for v in (low, middle, total)))
        expected = min(max((total - middle << 24) // (total - low), 1), (1 << 24) - 1)
        assert int(found[0]) == expected


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("n_components", [1, 3, 8])
def test_the_cost_is_that_of_the_floats(depth, n_components):
    """Bits of values drawn from the mixtures, against their probabilities in float64, within 0.1%."""
    rng, n, size = np.random.default_rng(2), 4000, 1 << depth
    shape = n, n_components
    logits, loc = rng.normal(size=shape), rng.uniform(-0.4, 0.4, shape)
    log_scale = rng.uniform(max(np.log(3.0 / size), PIXEL_LOG_SCALES[0]), np.log(0.15), shape)
    chosen = np.argmax(logits + rng.gumbel(size=shape), axis=1)
    drawn = (loc + np.exp(log_scale) * rng.logistic(size=shape))[np.arange(n), chosen]
    values = np.clip(np.floor((drawn + 0.5) * size), 0, size - 1).astype(np.int64)
    ends = (values, 0, -np.inf), (values + 1, size, np.inf)
    edges = [np.where(v == end, beyond, v / size - 0.5) for v, end, beyond in ends]
    below, above = (expit((e[:, None] - loc) / np.exp(log_scale)) for e in edges)
    log_weights = logits - logsumexp(logits, axis=1, keepdims=True)
    exact = -np.log2(np.maximum(np.exp(log_weights) * (above - below), 1e-300).sum(1)).sum()
    bits, ones = symbols(integer_mixtures(*integers(logits, loc, log_scale), depth), depth, values)
    said = np.where(bits, ones, (1 << PROBABILITY_BITS) - ones) * 2.0**-PROBABILITY_BITS
    assert -np.log2(said).sum() == pytest.approx(exact, rel=1e-3)

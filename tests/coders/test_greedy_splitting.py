"""Greedy rejection on ever smaller intervals: what is left over, and depths as the algorithm says, in float64."""

import itertools

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from rec_jax.coders import GreedyRejectionCoder, GreedySplittingCoder, make_coder
from rec_jax.coders.density_ratio import left_over, peak
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key, coder_key

SHARP, FAR = (0.5, 0.01), (2.4, 0.4)  # (mu, rho) under p = N(0, 1)
N_CALLS = 5000


@pytest.mark.parametrize(("mu", "rho"), [SHARP, FAR])
@pytest.mark.parametrize("level", [0.0, 1.3, 9.0])
def test_what_is_left_over_on_an_interval_is_its_integral(mu, rho, level):
    target = peak(DiagGaussian(np.float32(mu), np.float32(rho)))
    omega = np.float32(np.sqrt(2.0 * (float(target.bound) - np.log(level)))) if level else np.float32(np.inf)

    def integrand(z):
        return max(stats.norm.pdf(z, mu, rho) - level * stats.norm.pdf(z), 0.0)

    ends = [-np.inf, *(mu + rho * np.float64([-1.1, 0.2, 0.3])), np.inf]
    for low, high in itertools.pairwise(ends):
        expected, _ = integrate.quad(integrand, max(low, mu - 9 * rho), min(high, mu + 9 * rho), limit=200)
        assert left_over(target, omega, low, high) == pytest.approx(expected, rel=1e-4, abs=1e-6)


def depth_probabilities(mu, rho, n_levels=8, n_cells=1 << 18):
    """Of the dyadic form, by the algorithm on a grid of cells of equal mass under p; the last is all deeper ones."""
    z = stats.norm.ppf((np.arange(n_cells) + 0.5) / n_cells)
    ratio = stats.norm.pdf(z, mu, rho) / stats.norm.pdf(z)
    ratio /= ratio.mean()
    nodes, chances = [(ratio, 0.0, 1.0)], []  # (q/p on S, L, chance to get here)
    for _ in range(n_levels):
        reached, nodes = nodes, []
        chances.append(0.0)
        for inside, level, reach in reached:
            above = np.maximum(inside - level, 0.0)
            mean = above.mean()
            stop = np.minimum(above / mean, 1.0).mean()
            chances[-1] += reach * stop
            left = [np.maximum(half - level - mean, 0.0).mean() for half in np.split(inside, 2)]
            for half, share in zip(np.split(inside, 2), np.divide(left, sum(left)), strict=True):
                if share > 0:
                    nodes.append((half, level + mean, reach * (1.0 - stop) * share))
    return np.array([*chances, 1.0 - sum(chances)])


def test_depths_are_those_of_the_algorithm():
    one = np.ones((N_CALLS, 1), np.float32)
    q, p = DiagGaussian(FAR[0] * one, FAR[1] * one), DiagGaussian(0.0 * one, one)
    keys = jax.vmap(child_key, (None, 0))(coder_key(0), np.arange(N_CALLS))
    codes, info = jax.device_get(make_coder("greedy_rejection", split="dyadic").encode_batch(keys, q, p))
    assert not info.overflow.any()
    expected = depth_probabilities(*FAR)
    accepted, _ = integrate.quad(lambda z: min(stats.norm.pdf(z, *FAR), stats.norm.pdf(z)), -2.0, 6.0)
    assert expected[0] == pytest.approx(accepted, rel=1e-3)  # greedy: as much of q as the first step can take
    counts = np.bincount(np.minimum(codes.depth, len(expected) - 1), minlength=len(expected))
    assert stats.chisquare(counts, N_CALLS * expected).pvalue > 1e-3


def test_the_split_picks_the_coder():
    assert make_coder("greedy_rejection", split=None) == make_coder("greedy_rejection") == GreedyRejectionCoder()
    assert make_coder("greedy_rejection", split="sample", max_nats=7.0) == GreedySplittingCoder("sample", max_nats=7.0)
    with pytest.raises(ConfigError, match="coder.split='middle': dyadic or sample"):
        make_coder("greedy_rejection", split="middle")
    with pytest.raises(ConfigError, match="coder.split='dyadic'.*GreedySplittingCoder"):
        GreedyRejectionCoder(split="dyadic")

"""The formulas of Gaussians against numerical integration."""

import jax
import numpy as np
import pytest
from scipy import integrate, stats

from rec_jax.core import gaussian
from rec_jax.core.gaussian import DiagGaussian

PAIRS = [
    ((0.0, 1.0), (0.0, 1.0)),
    ((0.7, 0.3), (0.0, 1.0)),
    ((-2.0, 1.5), (0.5, 0.8)),
    ((3.0, 0.05), (2.9, 2.0)),
]


def scalar(pair):
    return DiagGaussian(*(np.float32([x]) for x in pair))


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_kl_is_the_integral_of_q_log_q_over_p(q, p):
    def integrand(z):
        return stats.norm.pdf(z, *q) * (stats.norm.logpdf(z, *q) - stats.norm.logpdf(z, *p))

    expected, _ = integrate.quad(integrand, q[0] - 12 * q[1], q[0] + 12 * q[1])
    np.testing.assert_allclose(gaussian.kl_nats(scalar(q), scalar(p)), [expected], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("q", "p"), PAIRS)
def test_densities_integrate_to_one_and_give_the_ratio(q, p):
    grid = np.linspace(q[0] - 9 * q[1], q[0] + 9 * q[1], 2001, dtype=np.float32)
    assert integrate.trapezoid(np.exp(gaussian.log_prob(grid, scalar(q))), grid) == pytest.approx(1.0, abs=1e-4)
    z = np.float32([0.4])
    expected = stats.norm.logpdf(0.4, *q) - stats.norm.logpdf(0.4, *p)
    np.testing.assert_allclose(gaussian.log_ratio(z, scalar(q), scalar(p)), [expected], rtol=1e-4)


def test_samples_have_the_moments_and_shape():
    p = DiagGaussian(np.float32([[1.0, -2.0]] * 20_000), np.float32([[0.5, 3.0]] * 20_000))
    z = np.asarray(gaussian.sample(jax.random.key(0), p))
    assert z.shape == (20_000, 2)
    np.testing.assert_allclose(z.mean(0), [1.0, -2.0], atol=0.08)
    np.testing.assert_allclose(z.std(0), [0.5, 3.0], rtol=0.02)


def test_standardising_changes_no_divergence():
    q, p = scalar(PAIRS[2][0]), scalar(PAIRS[2][1])
    unit = DiagGaussian(np.float32([0.0]), np.float32([1.0]))
    np.testing.assert_allclose(gaussian.kl_nats(gaussian.standardise(q, p), unit), gaussian.kl_nats(q, p), rtol=1e-6)


def test_a_gaussian_passes_through_jit_and_vmap():
    q = DiagGaussian(np.zeros((5, 3), np.float32), np.ones((5, 3), np.float32))
    np.testing.assert_array_equal(jax.jit(jax.vmap(gaussian.kl_nats))(q, q), np.zeros((5, 3)))

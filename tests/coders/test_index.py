"""Index coding: where its two rules lead as candidates are added, and that the code length follows KL."""

import jax
import numpy as np
import pytest

from rec_jax.coders import make_coder
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key, coder_key

N_CALLS = 400
FEW_TO_MANY = (
    dict(epsilon=0.0, extra_nats=0.0, max_nats=6.0),
    dict(epsilon=0.2, extra_nats=1.0, max_nats=6.0),
    dict(epsilon=1.5, extra_nats=1.0, max_nats=6.0),
)


def run(mu, rho, **options):
    """(z [N], mean bits, KL in bits) of one-dimensional targets N(mu, rho^2) under p = N(0, 1)."""
    coder = make_coder("index", **options)
    keys = jax.vmap(child_key, (None, 0))(coder_key(0), np.arange(N_CALLS))
    fill = np.ones((N_CALLS, 1), np.float32)
    q, p = DiagGaussian(mu * fill, rho * fill), DiagGaussian(0.0 * fill, fill)
    codes, info = jax.device_get(coder.encode_batch(keys, q, p))
    z = np.asarray(jax.vmap(coder.decode)(keys, p, codes))[:, 0]
    bits = [coder.index_bits(jax.tree.map(lambda x, i=i: x[i], codes)) for i in range(20)]
    return z, np.mean(bits), info.kl_nats[0] / np.log(2.0)


@pytest.fixture(scope="module")
def squares():
    """Mean of ((z - mu) / rho)^2, 1 under q, by rule and number of candidates."""
    return {
        (selection, i): float(np.mean((run(2.0, 0.3, selection=selection, **options)[0] - 2.0) ** 2)) / 0.09
        for selection in ("best", "sampled")
        for i, options in enumerate(FEW_TO_MANY)
    }


def test_few_candidates_stay_near_the_prior(squares):
    assert squares["best", 0] > 1.5
    assert squares["sampled", 0] > 1.5


def test_the_bias_of_sampling_falls_as_candidates_are_added(squares):
    assert squares["sampled", 0] > squares["sampled", 1] > squares["sampled", 2] - 0.1
    assert abs(squares["sampled", 2] - 1.0) < 0.2


def test_the_best_of_many_is_the_peak_of_the_ratio(squares):
    peak = 2.0 / (1.0 - 0.09)
    assert abs(squares["best", 2] - ((peak - 2.0) / 0.3) ** 2) < 0.1


def test_code_length_is_kl_plus_a_constant():
    for mu in (0.5, 2.0, 3.5):
        _, bits, kl_bits = run(mu, 0.3, epsilon=0.0)
        assert kl_bits <= bits <= kl_bits + 1.0 / np.log(2.0) + 1.0 + 5.0  # extra_nats, rounding up, the exponent


def test_the_winner_has_the_largest_ratio():
    coder = make_coder("index")
    q, p = DiagGaussian(*np.float32([[1.0], [0.5]])), DiagGaussian(*np.float32([[0.0], [1.0]]))
    key = coder_key(3)
    code, info = coder.encode(key, q, p)
    m = 1 << int(code.exponent)
    z = np.array([float(coder.decode(key, p, code._replace(index=np.uint32(i)))[0]) for i in range(m)])
    ratio = -np.log(0.5) - 0.5 * ((z - 1.0) / 0.5) ** 2 + 0.5 * z**2
    assert int(code.index) == ratio.argmax()
    np.testing.assert_allclose(info.log_ratio_nats, ratio.max(), rtol=1e-4)

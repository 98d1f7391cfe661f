"""Targets that are a log-ratio and a sampler: correlated, discrete, of any pytree; and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rec_jax.coders import make_coder
from rec_jax.core.errors import CoderOverflow, ConfigError
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.gaussian import log_ratio as gaussian_log_ratio

CODERS = {
    "index": make_coder("index", selection="sampled", epsilon=1.0, extra_nats=3.0, max_nats=4.0),
    "ordered": make_coder("ordered", epsilon=1.0, max_nats=4.0, expected_kl_nats=1.0),
    "poisson": make_coder("poisson"),
}
N = 1500
# A mixture of two correlated Gaussians under a standard normal prior of two dims.
MEANS, COVARIANCE = np.float32([[0.8, 0.5], [-0.7, 0.3]]), np.float32([[0.3, 0.15], [0.15, 0.2]])
PRECISION = np.linalg.inv(COVARIANCE).astype(np.float32)


def sample_prior(key, p):
    return {"z": jax.random.normal(key, (2,))}


def log_ratio(draw, q, p):
    z = draw["z"]
    shifted = z - q
    log_q = -0.5 * jnp.einsum("ki,ij,kj->k", shifted, PRECISION, shifted) - 0.5 * np.log(np.linalg.det(COVARIANCE))
    return jax.nn.logsumexp(log_q) - np.log(2.0) + 0.5 * (z @ z)


KL_NATS, MAX_NATS = 0.712, 2.0  # by a million draws, and a bound


@pytest.fixture(scope="module", params=list(CODERS))
def coder(request):
    return CODERS[request.param]


def encode(coder, key, q=MEANS, log_ratio=log_ratio, sample=sample_prior, p=None, **options):
    return coder.encode_ratio(key, log_ratio, sample, q, p, **dict(kl_nats=KL_NATS, max_log_ratio=MAX_NATS) | options)


def test_what_arrives_follows_a_correlated_mixture(coder):
    keys = jax.random.split(jax.random.key(0), N)
    codes, info = jax.jit(jax.vmap(lambda key: encode(coder, key)))(keys)
    z = np.asarray(jax.vmap(lambda key, code: coder.decode_ratio(key, sample_prior, code)["z"])(keys, codes))
    assert not info.overflow.any()
    rng = np.random.default_rng(0)
    exact = MEANS[rng.integers(0, 2, 50_000)] + rng.multivariate_normal([0, 0], COVARIANCE, 50_000)
    for direction in ([1, 0], [0, 1], [1, -1]):
        assert stats.ks_2samp(z @ direction, exact @ direction).pvalue > 1e-3
    assert abs(np.mean(info.log_ratio_nats) - KL_NATS) < 0.1
    bits = coder.index_bits(codes)
    assert bits.shape == (N,) and KL_NATS / np.log(2) < bits.mean() < 14


def test_alone_it_finds_what_many_find_and_the_symbols_are_enough(coder):
    keys = jax.random.split(jax.random.key(1), 3)
    codes, _ = jax.vmap(lambda key: encode(coder, key))(keys)
    for i in range(3):
        code, info = encode(coder, keys[i])
        np.testing.assert_array_equal(code.index, codes.index[i])
        received = coder.from_symbols(coder.symbols(code, None)[0], None)
        draw = coder.decode_ratio(keys[i], sample_prior, received)
        assert float(log_ratio(draw, MEANS, None)) == pytest.approx(float(info.log_ratio_nats), abs=1e-4)


def test_a_discrete_target_is_sent_exactly():
    coder, log_q = CODERS["poisson"], np.log(np.float32([0.6, 0.3, 0.1]))

    def draw(key, p):
        return jax.random.categorical(key, p)

    def ratio(z, q, p):
        return q[z] - jax.nn.log_softmax(p)[z]

    keys = jax.random.split(jax.random.key(2), N)
    even = np.zeros(3, np.float32)
    codes, _ = jax.vmap(lambda key: encode(coder, key, log_q, ratio, draw, even))(keys)
    sent = jax.vmap(lambda key, code: coder.decode_ratio(key, draw, code, even))(keys, codes)
    counts = np.bincount(np.asarray(sent), minlength=3)
    assert stats.chisquare(counts, N * np.array([0.6, 0.3, 0.1])).pvalue > 1e-3


def test_of_gaussians_it_is_as_good_as_the_call_for_gaussians():
    coder = CODERS["ordered"]
    q, p = DiagGaussian(jnp.float32([1.0]), jnp.float32([0.4])), DiagGaussian(jnp.zeros(1), jnp.ones(1))

    def draw(key, p):
        return p.loc + p.scale * jax.random.normal(key, p.loc.shape)

    def ratio(z, q, p):
        return gaussian_log_ratio(z, q, p).sum()

    keys = jax.random.split(jax.random.key(3), 300)
    codes, info = jax.vmap(lambda key: coder.encode(key, q, p))(keys)
    kl = float(info.kl_nats[0])
    others, _ = jax.vmap(lambda key: coder.encode_ratio(key, ratio, draw, q, p, kl_nats=kl))(keys)
    assert coder.index_bits(others).mean() == pytest.approx(coder.index_bits(codes).mean(), abs=0.6)


@pytest.mark.parametrize(
    "options, message",
    [
        (dict(log_ratio=lambda z, q, p: jnp.nan * z["z"][0]), "log_ratio is nan or inf for a draw"),
        (dict(log_ratio=lambda z, q, p: jnp.log(0.0 * z["z"][0] ** 2)), "log_ratio is -inf for every draw"),
        (dict(log_ratio=lambda z, q, p: z["z"]), r"log_ratio gives float32 \[2\] for a draw of sample_prior"),
        (dict(log_ratio=lambda z, q, p: None), "log_ratio gives NoneType"),
        (dict(kl_nats=np.nan), "kl_nats is nan; give a number of nats"),
        (dict(kl_nats=[1.0]), r"kl_nats has shape \[1\]"),
        (dict(max_log_ratio=-1.0), "max_log_ratio is -1"),
    ],
)
def test_what_cannot_be_is_refused_by_name(options, message):
    with pytest.raises(ConfigError, match=message):
        encode(CODERS["ordered"], jax.random.key(0), **options)


def test_what_is_not_a_number_is_seen_in_whatever_way_it_is_searched():
    def ratio(z, q, p):
        return jnp.where(z["z"][0] > 1.0, jnp.nan, 0.0)

    for coder in (CODERS["index"], CODERS["poisson"]):
        with pytest.raises(ConfigError, match="log_ratio is nan or inf for a draw"):
            encode(coder, jax.random.key(0), log_ratio=ratio, kl_nats=3.0)


def test_keys_nats_and_bounds_are_checked():
    key, many = jax.random.key(0), jax.random.split(jax.random.key(0), 2)
    for coder in CODERS.values():
        with pytest.raises(ConfigError, match="key is an array .2. of keys; give one, or vmap"):
            encode(coder, many)
    with pytest.raises(ConfigError, match="key is"):
        encode(coder, 7)
    with pytest.raises(CoderOverflow, match="max_nats=4"):
        encode(CODERS["ordered"], key, kl_nats=5.0)
    with pytest.raises(CoderOverflow, match="max_nats=10"):
        encode(CODERS["poisson"], key, max_log_ratio=np.inf)
    with pytest.raises(ConfigError, match="above max_log_ratio=0"):
        encode(CODERS["poisson"], key, max_log_ratio=0.0)
    with pytest.raises(ConfigError, match="poisson takes a log_ratio"):
        encode(make_coder("greedy_rejection"), key)

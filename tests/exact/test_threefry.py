"""The generator gives jax's own words, from any kind of integers and under any settings; normals are normal."""

import jax
import jax.extend
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from rec_jax.exact.normals import normals
from rec_jax.exact.threefry import Key, child, seed_key, threefry2x32

RNG = np.random.default_rng(0)
EDGES = np.array([0, 1, 2, 3, (1 << 31) - 1, 1 << 31, (1 << 31) + 1, (1 << 32) - 2, (1 << 32) - 1], np.uint32)
WORDS = [np.concatenate([EDGES, RNG.integers(0, 1 << 32, 40, dtype=np.uint32)]) for _ in range(3)]


@pytest.fixture(scope="module")
def counted():
    """The words of 49 counters under one key, from jax itself."""
    first, second = (RNG.permutation(words) for words in WORDS[:2])
    key = np.array([0x12345678, 0xFEDCBA98], np.uint32)
    words = jax.extend.random.threefry_2x32(
        jnp.asarray(key), jnp.concatenate([jnp.asarray(first), jnp.asarray(second)])
    )
    return key, first, second, np.split(np.asarray(words), 2)


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("x64", [True, False])
def test_words_are_those_of_jax(counted, partitionable, x64):
    key, first, second, expected = counted
    with jax.threefry_partitionable(partitionable), jax.enable_x64(x64):
        on_host = threefry2x32(Key(*key[:, None]), (first, second))
        on_device = threefry2x32(Key(*jnp.asarray(key)), (jnp.asarray(first), jnp.asarray(second)))
        assert all(word.dtype == np.uint32 for word in (*on_host, *on_device))
    alone = [threefry2x32(Key(*key.tolist()), pair) for pair in zip(first.tolist(), second.tolist(), strict=True)]
    for found in (on_host, on_device, np.array(alone, np.uint32).T):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("partitionable", [True, False])
def test_children_are_those_of_fold_in(partitionable):
    first, second, index = WORDS
    typed = jax.random.wrap_key_data(jnp.stack([jnp.asarray(first), jnp.asarray(second)], 1))
    with jax.threefry_partitionable(partitionable):
        expected = np.asarray(jax.random.key_data(jax.vmap(jax.random.fold_in)(typed, jnp.asarray(index))))
        on_device = child(Key(jnp.asarray(first), jnp.asarray(second)), jnp.asarray(index))
    on_host = child(Key(first, second), index)
    alone = [child(Key(a, b), i) for a, b, i in zip(*(x.tolist() for x in WORDS), strict=True)]
    for found in (on_device, on_host, np.array(alone).T):
        np.testing.assert_array_equal(np.stack(found, 1), expected)


def test_the_key_of_a_seed_is_that_of_jax():
    for seed in (0, 1, 42, (1 << 31) - 1):
        assert tuple(seed_key(seed)) == tuple(np.asarray(jax.random.key_data(jax.random.key(seed))).tolist())


def test_normals_are_normal():
    words = np.random.default_rng(1).integers(0, 1 << 32, 400_000, dtype=np.uint32)
    n = normals(words, np) * 2.0**-12
    jitter = np.random.default_rng(2).uniform(-(2.0**-13), 2.0**-13, len(n))  # within a unit
    assert stats.kstest(n + jitter, "norm").pvalue > 1e-3
    for power, moment in ((1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0)):
        assert abs((n**power).mean() - moment) < 5 * (n**power).std() / np.sqrt(len(n))
    for limit in (3.0, 4.0):
        expected = len(n) * 2 * stats.norm.sf(limit)
        assert abs((np.abs(n) > limit).sum() - expected) < 5 * np.sqrt(expected)


def test_every_octave_of_words_has_its_quantiles():
    """From the median to the farthest word: the magnitude is the quantile at (u + 1/2) / 2^32, to within a cell."""
    u = np.unique(np.concatenate([(1 << np.arange(31)) + d for d in (-1, 0, 1)] + [np.array([(1 << 31) - 1])]))
    u = u[(u >= 1) & (u < 1 << 31)].astype(np.uint32)
    found = normals(u << 1, np) * 2.0**-12
    exact = stats.norm.isf((u.astype(np.float64) + 0.5) / 2.0**32)
    np.testing.assert_allclose(found, exact, rtol=3e-4, atol=7e-4)
    np.testing.assert_array_equal(normals(u << 1 | 1, np), -normals(u << 1, np))
    assert np.all(np.diff(found) <= 0) and 6.16 < found[0] < 6.17
    assert normals(np.uint32([0, 1]), np).tolist() == normals(np.uint32([2, 3]), np).tolist()  # u = 0 counts as 1


@pytest.mark.parametrize("x64", [True, False])
def test_numpy_and_jax_agree_on_normals_to_the_last_bit(x64):
    powers = (np.uint64(1) << np.arange(32, dtype=np.uint64)).astype(np.uint32)
    words = np.concatenate([EDGES, powers, powers - 1, powers + 1, RNG.integers(0, 1 << 32, 5000, dtype=np.uint32)])
    with jax.enable_x64(x64):
        on_device = normals(jnp.asarray(words), jnp)
        assert on_device.dtype == np.int32
    np.testing.assert_array_equal(on_device, normals(words, np))

"""The tree coder's outliers: what no search would hit arrives all the same, and is named cheaply."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.coders.keys import as_words
from rec_jax.coders.tree.coder import TreeCoder
from rec_jax.coders.tree.outliers import (
    MAX_OUTLIERS,
    Outliers,
    from_outlier_symbols,
    outlier_symbols,
    read_outlier_symbols,
)
from rec_jax.coders.tree.recentre import find_outliers, recentre
from rec_jax.core.errors import CoderOverflow
from rec_jax.core.gaussian import DiagGaussian, kl_nats
from rec_jax.core.prng import child_key
from rec_jax.core.units import nats_to_bits
from tests.coders.tree_targets import KEY, make_target, standard


@pytest.mark.parametrize(("loc", "scale"), [(6.0, 0.1), (-30.0, 1.0), (0.5, 1e-5), (40.0, 1e-3), (-7.0, 1e-2)])
def test_an_outlier_is_sent_to_within_a_few_of_its_standard_deviations(loc, scale):
    """The rest of the call is what it is without the outlier; the outlier costs its KL and a few nats."""
    n_dims, place = 100, 17
    rest = make_target(np.random.default_rng(6), n_dims, 20.0)
    q = DiagGaussian(rest.loc.copy(), rest.scale.copy())
    q.loc[place], q.scale[place] = loc, scale
    p = DiagGaussian(np.full(n_dims, 2.0, np.float32), np.full(n_dims, 3.0, np.float32))
    q = DiagGaussian(np.float32(p.loc + p.scale * q.loc), p.scale * q.scale)
    coder = TreeCoder(n_beams=256, max_nats=4000.0)
    code, info = jax.device_get(coder.encode(KEY, q, p))
    assert code.outliers.dims[:2].tolist() == [place, n_dims]
    z = np.asarray(coder.decode(KEY, p, code))
    assert abs(z[place] - q.loc[place]) < 4.5 * q.scale[place]
    assert coder.index_bits(code) < nats_to_bits(float(info.kl_nats)) * 1.2 + 30.0


def test_recentring_leaves_few_nats_and_moves_no_other_dim():
    rng, n_dims = np.random.default_rng(7), 500
    scale = np.exp(rng.uniform(-9.0, 0.0, n_dims))
    q = DiagGaussian(np.float32(rng.normal(size=n_dims) * 5.0), np.float32(scale))
    found = find_outliers(q, standard(n_dims), 9.0)
    chosen = np.asarray(found.dims)[:-1]
    assert len(chosen) == MAX_OUTLIERS and np.all(np.diff(chosen) > 0)  # more exceed 9 nats: the farthest are taken
    moved = recentre(jax.tree.map(jnp.asarray, standard(n_dims)), found)
    kl = np.asarray(kl_nats(q, moved))
    assert kl[chosen].max() < 4.0
    np.testing.assert_array_equal(np.delete(kl, chosen), np.delete(np.asarray(kl_nats(q, standard(n_dims))), chosen))
    worst = np.asarray(kl_nats(q, standard(n_dims)))
    assert np.delete(worst, chosen).max() <= worst[chosen].min()


def wide_calls(n_wide, scale, n_dims=200, n_calls=4):
    """(keys, q, p, which dims): n_wide dims of q are `scale` times as wide as p, the others nearly p."""
    rng, shape = np.random.default_rng(9), (n_calls, n_dims)
    wide = np.isin(np.arange(n_dims), rng.permutation(n_dims)[:n_wide])
    p = DiagGaussian(np.full(shape, -1.0, np.float32), np.full(shape, 0.5, np.float32))
    loc = p.loc + p.scale * rng.normal(0.0, 0.6, shape)
    q = DiagGaussian(np.float32(loc), np.float32(p.scale * np.where(wide, scale, 0.8)))
    return jax.vmap(child_key, (None, 0))(KEY, np.arange(n_calls)), q, p, wide


@pytest.mark.parametrize("scale", [3.5, 10.0, 100.0])
def test_dims_far_wider_than_p_arrive_as_wide_as_they_are(scale):
    keys, q, p, wide = wide_calls(90, scale)
    coder = TreeCoder(n_beams=64, sequence_length=1024, max_nats=1000.0)
    codes, info = jax.device_get(coder.encode_batch(keys, q, p))
    assert not info.overflow.any()
    units = coder.units(jax.tree.map(np.asarray, as_words(keys)), codes, 200, None, np)
    fixed = coder.place(codes, np.int64(p.loc * 4096), np.int64(p.scale * 65536), units, np) / 4096
    for z in (np.asarray(jax.vmap(coder.decode)(keys, p, codes)), fixed):
        distance = (z - q.loc) / q.scale
        assert 0.85 < distance[:, wide].std() < 1.15 and 0.85 < distance[:, ~wide].std() < 1.15
    one = jax.tree.map(lambda x: x[0], codes)
    received = coder.from_symbols(coder.symbols(one, None)[0], standard(200))
    jax.tree.map(np.testing.assert_array_equal, received, one)


def test_calls_of_too_many_wide_dims_are_refused():
    keys, q, p, _ = wide_calls(MAX_OUTLIERS + 1, 3.5)
    coder = TreeCoder(n_beams=64, sequence_length=1024, max_nats=1000.0)
    assert coder.encode_batch(keys, q, p)[1].overflow.all()
    with pytest.raises(CoderOverflow, match="more than 128 dims a call of over 3 times p's scale, or an eighth"):
        coder.encode(keys[0], *jax.tree.map(lambda x: x[0], (q, p)))


@pytest.mark.parametrize(("loc", "scale"), [(5.0, 0.5), (0.0, 1e-4)], ids=["far", "narrow"])
@pytest.mark.parametrize(("n_moved", "refused"), [(MAX_OUTLIERS + 5, False), (180, True)])  # of 200; an eighth is 25
def test_a_call_of_which_an_eighth_is_out_of_reach_is_refused(loc, scale, n_moved, refused):
    shape, moved = (1, 200), np.arange(200) < n_moved
    p = DiagGaussian(np.full(shape, -1.0, np.float32), np.full(shape, 0.5, np.float32))
    q_loc, q_scale = p.loc + np.where(moved, loc, 0.2) * p.scale, p.scale * np.where(moved, scale, 0.8)
    coder = TreeCoder(n_beams=64, sequence_length=1024, max_nats=5000.0)
    keys = jax.vmap(child_key, (None, 0))(KEY, np.arange(1))
    _, info = coder.encode_batch(keys, DiagGaussian(np.float32(q_loc), np.float32(q_scale)), p)
    assert bool(info.overflow[0]) is refused


def test_no_outlier_costs_a_fraction_of_a_bit():
    code, _ = TreeCoder(n_beams=16).encode(KEY, make_target(np.random.default_rng(8), 50, 10.0), standard(50))
    values, tables = outlier_symbols(jax.device_get(code).outliers, in_order=False)
    assert values == [[0]] and tables[0].bits(values[0]) < 0.2


@pytest.mark.parametrize(
    "n_dims, count", [(1, 1), (5, 2), (200, 1), (200, 128), (32_768, 1), (32_768, 60), (30_001, 128)]
)
def test_outliers_in_order_come_back_and_cost_little_more_than_a_choice_of_so_many_dims(n_dims, count):
    rng = np.random.default_rng(count)
    dims = np.full(MAX_OUTLIERS + 1, n_dims, np.int32)
    dims[:count] = np.sort(rng.choice(n_dims, count, replace=False))
    exponents, shifts = np.zeros((2, MAX_OUTLIERS + 1), np.int32)
    exponents[:count], shifts[:count] = rng.integers(-4, 8, count), rng.integers(-40, 41, count)
    outliers = Outliers(dims, exponents, shifts)
    values, tables = outlier_symbols(outliers, in_order=True)
    after = [np.array([7])]
    found, rest = from_outlier_symbols([*values, *after], n_dims, in_order=True)
    jax.tree.map(np.testing.assert_array_equal, found, outliers)
    assert rest == after
    stream = iter(zip(values, tables, strict=True))

    def read(table, n):
        own, written_with = next(stream)
        assert written_with == table and len(own) == n
        return own

    for a, b in zip(read_outlier_symbols(read, n_dims, in_order=True), values, strict=True):
        np.testing.assert_array_equal(a, b)
    bits = sum(table.bits(v) for v, table in zip(values[1:3], tables[1:3], strict=True))
    assert bits <= math.log2(math.comb(n_dims, count)) + 1.2 * count + 2

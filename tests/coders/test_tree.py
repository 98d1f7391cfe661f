"""The tree coder beyond the conformance tests: its groups, codebook, search and the numbers of steps it offers."""

import dataclasses
import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.coders import StepCountModel, make_coder
from rec_jax.coders.keys import as_words
from rec_jax.coders.paths import first_path, follow
from rec_jax.coders.tree.codebook import Codebook, replay, sequence, windows_of
from rec_jax.coders.tree.coder import TreeCode, TreeCoder
from rec_jax.coders.tree.encoder import choose_steps
from rec_jax.coders.tree.groups import MAX_DIMS, MAX_WEIGHT, group_of_dims
from rec_jax.coders.tree.outliers import (
    MAX_OUTLIERS,
    Outliers,
)
from rec_jax.coders.tree.rates import level_table, offered_steps
from rec_jax.coders.tree.search import search
from rec_jax.coders.tree.survivors import survivors
from rec_jax.coders.tree.window_scores import BLOCKS, sequences, window_scores
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian, log_ratio
from rec_jax.core.prng import child_key
from rec_jax.core.units import nats_to_bits
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.threefry import Key, child
from tests.coders.tree_targets import KEY, make_target, standard

WORDS = as_words(KEY)
CURVATURE = round(1.5**2 / 1.386 * 2**16)  # of numbers of steps 1.5 apart, at ln 4 nats a step


def equal_weights(n_dims):
    return np.ones(n_dims, np.int32)


def first_scores(codebook, n_dims, linear, quadratic, starts):
    """Those of the first step's windows."""

    def of_block(key):
        normals_of = functools.partial(sequences(key, codebook, n_dims), jnp.int32(0))
        return window_scores(normals_of, linear, quadratic, starts, jnp.int32(0), codebook.length)

    return jax.vmap(of_block, axis_name=BLOCKS)(one_block(WORDS))[0]


def starts_of(group_of, max_steps):
    """Group k is dims starts[k] to starts[k + 1]."""
    return np.searchsorted(group_of, np.arange(max_steps + 1)).astype(np.int32)


def _floats(units):
    """Units of 2^-12 as numbers."""
    return np.asarray(units, np.float64) * 2.0**-FRACTION_BITS


def one_block(words: Key) -> Key:
    """A key as a batch of one block's."""
    return Key(words.first[None], words.second[None])


@pytest.mark.parametrize(("n_dims", "n_steps"), [(1, 0), (1, 5), (7, 3), (50, 50), (50, 7), (5, 90), (128, 11)])
def test_groups_hold_every_dim_once(n_dims, n_steps):
    members = group_of_dims(equal_weights(n_dims), np.int32(n_steps), n_candidates=16, length=4096, xp=np)
    lead = min(max(n_steps - 1, 0), 2)
    sizes = np.bincount(members, minlength=max(n_steps, 1))
    assert len(sizes) == max(n_steps, 1) and sizes.sum() == n_dims and not sizes[:lead].any()
    assert sizes[lead:].max() - sizes[lead:].min() <= 1
    assert np.all(np.diff(members) >= 0)
    on_device = group_of_dims(jnp.asarray(equal_weights(n_dims)), jnp.int32(n_steps), 16, 4096, jnp)
    np.testing.assert_array_equal(on_device, members)


@pytest.mark.parametrize("largest", [3, MAX_WEIGHT])
def test_groups_hold_equal_weights_as_nearly_as_whole_dims_allow(largest):
    rng = np.random.default_rng(0)
    weights = rng.integers(1, largest, 60_000, endpoint=True).astype(np.int32)
    sums = np.bincount(group_of_dims(weights, np.int32(1000), 2, 64, np), weights, minlength=1000)
    full = sums[sums > 0]
    assert len(full) == 1000 - 5
    assert np.abs(full[:-1] - weights.sum() / 995).max() <= 2 * largest


@pytest.mark.parametrize(
    ("m", "length", "lead"), [(16, 4096, 2), (4, 4096, 5), (64, 4096, 1), (65, 4096, 0), (2, 64, 5)]
)
def test_the_empty_steps_lead_to_as_many_paths_as_there_are_windows(m, length, lead):
    assert int(group_of_dims(equal_weights(100), np.int32(50), m, length, np)[0]) == lead


@pytest.mark.parametrize("shared", [False, True])
def test_replay_reads_the_windows_that_the_path_names(shared):
    n_dims, n_steps, (m, length, _) = 40, 3, (codebook := Codebook(4, 64, shared))
    indices, words = np.array([2, 0, 3, 1], np.uint32), jax.tree.map(np.asarray, WORDS)  # one index beyond n_steps
    begun = first_path(one_block(words), np), np.array([n_steps]), indices[None]
    block = one_block(words), follow(*begun, np), *begun[1:], equal_weights(n_dims)[None]
    z = replay(*block, codebook, np)[0]
    on_jax = jax.tree.map(jnp.asarray, (block[0], follow(*jax.tree.map(jnp.asarray, begun), jnp), *block[2:]))
    np.testing.assert_array_equal(replay(*on_jax, codebook, jnp)[0], z)
    starts = starts_of(group_of_dims(equal_weights(n_dims), np.int32(n_steps), m, length, np), 4)
    words = one_block(words)
    path = first_path(words, np)
    for step in range(n_steps):
        window = int(windows_of(path, codebook, np)[indices[step], 0])
        start, end = starts[step : step + 2]
        wanted = np.roll(sequence(words, step, 0, codebook, np), -window)[: end - start]
        np.testing.assert_array_equal(z[start:end], wanted)
        assert np.array_equal(wanted, np.roll(sequence(words, 0, 0, codebook, np), -window)[: end - start]) == (
            shared or step == 0 or start == end
        )
        path = child(path, indices[step])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("n_dims", [1, 21, 60, 150])  # one by one; by spectra; wider than a sequence
def test_window_scores_are_the_log_ratios_of_the_windows(n_dims, shared):
    length, rng = 64, np.random.default_rng(0)
    linear, quadratic = rng.normal(size=(2, n_dims)).astype(np.float32)
    padded = [jnp.pad(jnp.asarray(x), (0, length)) for x in (linear, quadratic)]
    starts = jnp.asarray(starts_of(group_of_dims(equal_weights(n_dims), np.int32(1), 4, length, np), 1))
    codebook = Codebook(4, length, shared)
    found = first_scores(codebook, n_dims, *padded, starts)
    parts = [_floats(sequence(WORDS, 0, part, codebook, jnp)) for part in range(-(-n_dims // length))]
    for window in (0, 1, 40, 63):
        z = np.concatenate([np.roll(part, -window) for part in parts])[:n_dims]
        np.testing.assert_allclose(found[window], linear @ z + quadratic @ z**2, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("n_best", [1, 5, 30])
def test_survivors_keeps_the_best(n_best):
    scores = np.random.default_rng(n_best).normal(size=(8, 4)).astype(np.float32)
    scores[3] = -np.inf
    parents, candidates, there, best = map(np.asarray, survivors(jnp.asarray(scores.T), n_best))
    expected = min(n_best, 28)
    assert best == scores.max() and there.sum() == expected
    found = scores[parents[there], candidates[there]]
    np.testing.assert_array_equal(np.sort(found), np.sort(scores.ravel())[-expected:])
    assert len(set(zip(parents[there], candidates[there], strict=True))) == expected


def test_survivors_of_many_scores_nearly_fills_the_beam_with_the_best():
    """Then the threshold is found on a sample, and may be off by a few places."""
    scores = np.random.default_rng(0).normal(size=(2048, 32)).astype(np.float32)
    parents, candidates, there, best = map(np.asarray, survivors(jnp.asarray(scores.T), 2048))
    found = scores[parents[there], candidates[there]]
    assert best == found.max() and 0.85 * 2048 < there.sum() <= 2048
    assert len(set(zip(parents[there], candidates[there], strict=True))) == there.sum()
    assert found.min() >= np.sort(scores.ravel())[-2048 - 1]


def test_survivors_of_equal_scores_keeps_no_more_than_it_may():
    parents, candidates, there, _ = survivors(jnp.zeros((4, 8)), 5)
    assert there.all() and len(set(zip(np.asarray(parents), np.asarray(candidates), strict=True))) == 5


@pytest.mark.parametrize("shared", [False, True])
def test_a_beam_that_holds_all_paths_finds_the_best_code(shared):
    """Against all 4^3 codes, decoded one by one."""
    n_dims, n_steps, (m, _, _) = 30, 3, (codebook := Codebook(4, 64, shared))
    target = make_target(np.random.default_rng(1), n_dims, 5.0)
    batch = jax.tree.map(lambda x: jnp.asarray(x)[None], target)
    weights = equal_weights(n_dims)
    find = jax.vmap(lambda *block: search(*block, n_steps, 64, codebook), axis_name=BLOCKS)
    found = find(jnp.array([n_steps]), one_block(WORDS), batch, weights[None])[0]
    codes = np.array(list(itertools.product(range(m), repeat=n_steps)), np.uint32)
    keys = Key(*(np.broadcast_to(word, len(codes)) for word in WORDS))
    begun = first_path(keys, np), np.full(len(codes), n_steps), codes
    dealt = np.broadcast_to(weights, (len(codes), n_dims))
    z = _floats(replay(keys, follow(*begun, np), *begun[1:], dealt, codebook, np))
    ratios = np.asarray(log_ratio(z, target, standard(n_dims)).sum(1))
    np.testing.assert_array_equal(found, codes[ratios.argmax()])


def test_more_beams_send_better_samples():
    q = make_target(np.random.default_rng(2), 400, 30.0)
    ratios = []
    for n_beams in (1, 16, 256):
        coder = TreeCoder(n_candidates=8, n_beams=n_beams, sequence_length=1024, max_nats=64.0)
        keys = jax.vmap(child_key, (None, 0))(KEY, np.arange(8))
        many = jax.tree.map(lambda x: np.broadcast_to(x, (8, *x.shape)), (q, standard(400)))
        ratios.append(float(coder.encode_batch(keys, *many)[1].log_ratio_nats.mean()))
    assert ratios[0] < ratios[1] < ratios[2]


def test_it_sends_fewer_bits_than_beam_search():
    """Index and steps of both, less the log q/p that they bought; no step count is learned."""
    n_dims, n_calls = 1500, 6
    rng = np.random.default_rng(3)
    q = jax.tree.map(lambda *x: np.stack(x), *(make_target(rng, n_dims, 40.0, shape=0.05) for _ in range(n_calls)))
    p = jax.tree.map(lambda x: np.broadcast_to(x, (n_calls, n_dims)), standard(n_dims))
    keys = jax.vmap(child_key, (None, 0))(KEY, np.arange(n_calls))
    excess = {}
    for kind, options in {"tree": {}, "beam_search": {}}.items():
        coder = make_coder(kind, max_nats=128.0, **options)
        codes, info = jax.device_get(coder.encode_batch(keys, q, p))
        bits = sum(coder.index_bits(jax.tree.map(lambda x, i=i: x[i], codes)) for i in range(n_calls))
        excess[kind] = (bits - nats_to_bits(info.log_ratio_nats.sum())) / nats_to_bits(info.kl_nats.sum())
    assert excess["tree"] < 0.25 and excess["tree"] < excess["beam_search"] - 0.1


def excess_nats(coder, q, p, n_calls, *weights):
    """Mean of nats sent less log q/p, over calls of one target under fresh keys."""
    keys = jax.vmap(child_key, (None, 0))(KEY, np.arange(n_calls))
    many = jax.tree.map(lambda x: np.broadcast_to(x, (n_calls, *x.shape)), (q, p))
    codes, info = jax.device_get(coder.encode_batch(keys, *many, *weights))
    bits = sum(coder.index_bits(jax.tree.map(lambda x, i=i: x[i], codes)) for i in range(n_calls))
    return float(bits / nats_to_bits(1.0) - info.log_ratio_nats.sum()) / n_calls


def test_weights_that_tell_where_the_nats_are_save_many_of_them():
    """Dims of 2 nats among three times as many that carry nothing, as in a network with idle channels."""
    rng, n_dims = np.random.default_rng(5), 400
    busy = np.arange(n_dims) % 4 == 0
    q = make_target(rng, n_dims, 1.0)
    loc = np.where(busy, rng.normal(size=n_dims) * np.sqrt(-np.expm1(-4.0)), 0.0)
    q = DiagGaussian(np.float32(loc), np.float32(np.where(busy, np.exp(-2.0), 1.0)))
    coder = TreeCoder(n_beams=256, max_nats=400.0)
    told = excess_nats(coder, q, standard(n_dims), 4, jnp.where(jnp.asarray(busy), 128, 1).astype(jnp.int32))
    untold = excess_nats(coder, q, standard(n_dims), 4, None)
    assert told < 0.6 * untold and told < 0.15 * 200


def test_a_faint_target_costs_a_few_bits():
    q = make_target(np.random.default_rng(4), 2000, 1.5, shape=0.05)
    coder = TreeCoder(n_beams=64)
    code, _ = coder.encode(KEY, q, standard(2000))
    assert coder.index_bits(jax.device_get(code)) <= 12.0


def test_offered_steps_are_few_and_reach_the_ends():
    offered = offered_steps(1500, CURVATURE)
    assert offered[:2] == (0, 1) and offered[-1] == 1500 and len(offered) < 50
    assert list(offered) == sorted(set(offered))


def test_the_nearest_number_of_steps_is_chosen():
    coder = TreeCoder()
    offered = np.array(coder.offered)
    kl = np.linspace(0.0, coder.max_nats, 5000).astype(np.float32)
    chosen = np.asarray(choose_steps(coder, kl))
    roots = np.sqrt(offered * coder.step_nats)
    nearest = offered[np.abs(roots - np.sqrt(kl * coder.rate)[:, None]).argmin(1)]
    assert np.mean(chosen == nearest) > 0.999 and chosen[0] == 0


@pytest.mark.parametrize("model", [None, StepCountModel(300, 250, 200)])
def test_numbers_of_steps_survive_their_tables(model):
    coder = TreeCoder(step_counts=model, block_size=10, max_nats=64.0)
    counts = np.array(coder.offered)[[0, 3, 1, len(coder.offered) - 1]].astype(np.int32)
    indices = np.zeros((4, coder.max_steps), np.uint8)
    indices[np.arange(coder.max_steps) < counts[:, None]] = 1
    p = standard(37)
    apart = Outliers(np.full(MAX_OUTLIERS + 1, 37), *np.zeros((2, MAX_OUTLIERS + 1), int))
    apart.dims[:5], apart.exponents[:5], apart.shifts[:5] = [0, 3, 7, 30, 36], [0, 7, -4, -1, 2], [0, -1, 1, 700, -3]
    values, tables = coder.symbols(TreeCode(counts, indices, apart), p)
    assert all(np.all(v < t.size) for v, t in zip(values, tables, strict=True))
    runs = iter(zip(values, tables, strict=True))

    def read(table, n):
        expected, written = next(runs)
        assert table == written and n == len(expected)
        return expected

    back = coder.from_symbols(coder.read_symbols(read, p), p)
    np.testing.assert_array_equal(back.n_steps, counts)
    np.testing.assert_array_equal(back.indices, indices)
    np.testing.assert_array_equal(back.outliers, apart)


def test_a_learned_table_is_cheap_near_its_centre():
    offered = offered_steps(1500, CURVATURE)
    near = int(np.searchsorted(offered, 300))
    learned = level_table(StepCountModel(300, 245, 160), np.array([]), offered)
    assert learned.bits(np.array([near])) < 4.0 < level_table(None, np.array([]), offered).bits(np.array([near]))


@pytest.mark.parametrize(
    "options",
    [
        {"n_candidates": 1},
        {"n_beams": 0},
        {"n_candidates": 33},
        {"n_beams": 1 << 20},
        {"sequence_length": 1000},
        {"rate": 0.0},
        {"spacing": float("nan")},
        {"max_nats": float("inf")},
        {"block_size": 0},
        {"block_size": MAX_DIMS + 1},
    ],
)
def test_impossible_options_are_refused(options):
    with pytest.raises(ConfigError, match=f"coder.*{next(iter(options))}"):
        make_coder("tree", **options)


def test_the_widest_block_of_the_greatest_weights_is_dealt_and_a_wider_one_refused():
    """Beyond it their sum is none that int32 can hold."""
    for block_size in (None, MAX_DIMS):
        shares = TreeCoder(block_size=block_size).block_shares(MAX_DIMS, np.full(MAX_DIMS, MAX_WEIGHT), np)
        assert shares.sum(dtype=np.int32) == MAX_DIMS * MAX_WEIGHT
    groups = group_of_dims(shares[0], np.int32(7), n_candidates=16, length=4096, xp=np)
    assert np.ptp(np.bincount(groups, minlength=7)[2:]) <= 5
    assert TreeCoder(block_size=MAX_DIMS).block_shares(MAX_DIMS + 1, None, np).shape[0] == 2
    with pytest.raises(ConfigError, match=f"a block of {MAX_DIMS + 1} dims is too wide: set coder.block_size"):
        TreeCoder(block_size=None).block_shares(MAX_DIMS + 1, None, np)


def test_equal_options_make_equal_coders():
    assert TreeCoder() == dataclasses.replace(make_coder("tree")) and hash(TreeCoder()) == hash(make_coder("tree"))


@pytest.mark.parametrize("n_dims", [3, 21, 60, 150])  # one by one; by spectra; wider than a sequence
def test_window_scores_of_sharp_dims_are_precise(n_dims):
    """Terms of 10^6 nats that cancel to a few: against float64, relative to the best window."""
    length, rng = 64, np.random.default_rng(0)
    loc, scale = rng.normal(size=n_dims), np.full(n_dims, 0.5)
    scale[[0, n_dims - 1]] = 3e-4
    precision = 1.0 / np.float32(scale).astype(np.float64) ** 2
    linear, quadratic = np.float32(loc) * precision, 0.5 * (1.0 - precision)
    padded = [jnp.pad(jnp.asarray(x, jnp.float32), (0, length)) for x in (linear, quadratic)]
    starts = jnp.asarray(starts_of(group_of_dims(equal_weights(n_dims), np.int32(1), 4, length, np), 1))
    codebook = Codebook(4, length)
    found = np.asarray(first_scores(codebook, n_dims, *padded, starts), np.float64)
    parts = [_floats(sequence(WORDS, 0, part, codebook, jnp)) for part in range(-(-n_dims // length))]
    z = np.stack([np.concatenate([np.roll(part, -n) for part in parts])[:n_dims] for n in range(length)])
    middle = -0.5 * linear / quadratic
    exact = (quadratic * (z - middle) ** 2).sum(1)
    best = exact.argmax()
    np.testing.assert_allclose(found - found[best], exact - exact[best], rtol=1e-4, atol=0.02)

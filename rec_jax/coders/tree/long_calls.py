"""Calls of any number of dims under the tree coder, with one compiled search: its blocks, all of one shape.

`encode_batch` compiles for every number of dims; a picture's layer has as many as the picture wants. What is done here
around the search runs on numpy; the codes are those of any other call.
"""

import functools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np

from rec_jax.coders.base import Found, LongCall
from rec_jax.coders.blocks import block_keys, block_shape, cut
from rec_jax.coders.tree.cheapest_steps import cheapest_steps
from rec_jax.coders.tree.codebook import Codebook
from rec_jax.coders.tree.coder import TreeCode, TreeCoder
from rec_jax.coders.tree.encoder import BLOCKS_AT_ONCE, PATHS_AT_ONCE, is_refused
from rec_jax.coders.tree.outliers import LENGTHS, MAX_EXPONENT, MAX_OUTLIERS, MIN_EXPONENT, Outliers
from rec_jax.coders.tree.picture_counts import PictureCounts
from rec_jax.coders.tree.recentre import WIDE, WIDEST
from rec_jax.coders.tree.search import search
from rec_jax.coders.tree.window_scores import BLOCKS
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.kept_programs import Program
from rec_jax.core.numpy_gaussian import kl_nats
from rec_jax.core.processors import n_processors
from rec_jax.exact.scope import search_jax
from rec_jax.exact.threefry import Key

_LEAST_ROOM = 64  # steps


class _Blocks(NamedTuple):
    """The blocks of one call, or of several."""

    n_steps: np.ndarray  # [N]
    first: np.ndarray  # the words of their keys, uint32 [N]
    second: np.ndarray
    loc: np.ndarray  # of the target in p's coordinates, [N, block_size]
    scale: np.ndarray
    shares: np.ndarray  # int32; 0 for dims that only fill up


def encode_long(coder: TreeCoder, calls: Sequence[LongCall], run: Callable[..., Any] | None = None) -> list[Found]:
    """Codes of calls, whose blocks are searched together, a few at once on every processor; block_size is not None.

    Where the coder is that of a picture's next call (`after`), the calls are the parts of one layer in their order, and
    each takes numbers of steps that are cheap to name after those of the one before it.
    run: calls a Program; None: under jax.jit.
    """
    cuts, of_call = [], coder
    for call in calls:
        cuts.append(_cut_call(of_call, call))
        if isinstance(coder.step_counts, PictureCounts):
            blocks, outliers, _ = cuts[-1]
            of_call = coder.after(TreeCode(blocks.n_steps, None, outliers), same_layer=True)
    blocks = _Blocks(*(np.concatenate(part) for part in zip(*(blocks for blocks, _, _ in cuts), strict=True)))
    indices, found, first = _search_all(coder, blocks, run or Program.__call__), [], 0
    for own, outliers, call_kl_nats in cuts:
        here = slice(first, first + len(own.n_steps))
        found.append(Found(TreeCode(own.n_steps, indices[here], outliers), call_kl_nats, bool((own.n_steps < 0).any())))
        first = here.stop
    return found


def _cut_call(coder: TreeCoder, call: LongCall) -> tuple[_Blocks, Outliers, float]:
    q, p = call.q, call.p
    nats = kl_nats(q.loc, q.scale, p.loc, p.scale)
    outliers, loc, scale = _recentred(q, p, nats, coder.reach_nats)
    n_dims, width = p.loc.size, coder.block_size
    assert width is not None, "the width that is compiled for"
    shape = block_shape(n_dims, width)
    fill = ((0, 0), (0, width - shape[1]))
    loc, scale = cut((q.loc - loc) / scale, shape, 0.0, np), cut(q.scale / scale, shape, 1.0, np)
    dim_kl = kl_nats(loc, scale, 0.0, 1.0)
    block_kl = dim_kl.sum(1, dtype=np.float64)
    overflow = is_refused(coder, dim_kl, block_kl, scale, np)
    n_steps = np.where(overflow, -1, cheapest_steps(coder, block_kl)).astype(np.int32)
    keys = Key(*(word[0] for word in block_keys(call.key, shape[0], np)))
    shares = np.pad(coder.block_shares(n_dims, call.shares, np), fill)
    loc, scale = np.pad(loc, fill), np.pad(scale, fill, constant_values=1.0)
    blocks = _Blocks(n_steps, keys.first, keys.second, loc, scale, shares)
    return blocks, outliers, float(nats.sum(dtype=np.float64))


def _recentred(q, p, nats, reach_nats: float) -> tuple[Outliers, np.ndarray, np.ndarray]:
    """What recentre.find_outliers and recentre find, of numpy: the outliers, loc and scale of the distributions."""
    n_dims = p.loc.size
    beyond = np.where(q.scale > WIDE * p.scale, nats, nats - reach_nats)
    there = np.flatnonzero(beyond > 0)
    farthest = np.sort(there[np.argsort(-beyond[there], kind="stable")[:MAX_OUTLIERS]])
    dims = np.full(MAX_OUTLIERS + 1, n_dims, np.int32)
    exponents, shifts = np.zeros((2, MAX_OUTLIERS + 1), np.int32)
    n = len(farthest)
    dims[:n] = farthest
    loc, scale = (q.loc[farthest] - p.loc[farthest]) / p.scale[farthest], q.scale[farthest] / p.scale[farthest]
    wide = -np.ceil(np.log(scale) / np.log(4.0))
    narrow = np.maximum(np.ceil(-np.log(WIDEST * scale) / np.log(4.0)), 0)
    exponents[:n] = np.clip(np.where(scale > WIDE, wide, narrow), MIN_EXPONENT, MAX_EXPONENT)
    limit = (1 << (LENGTHS - 1)) - 1
    shifts[:n] = np.clip(np.round(0.5 * loc * 4.0 ** exponents[:n]), -limit, limit)
    t = 4.0 ** -exponents[:n]
    new_loc, new_scale = p.loc.copy(), p.scale.copy()
    new_loc[farthest] += p.scale[farthest] * (2.0 * t * shifts[:n]).astype(np.float32)
    new_scale[farthest] *= t.astype(np.float32)
    return Outliers(dims, exponents, shifts), new_loc, new_scale


def _search_all(coder: TreeCoder, blocks: _Blocks, run: Callable[..., Any]) -> np.ndarray:
    """Indices uint8 [N, max_steps]: a few blocks of like length at once, padded to as many, on every processor."""
    at_once = min(BLOCKS_AT_ONCE, max(1, PATHS_AT_ONCE // coder.n_beams))
    order = np.argsort(-blocks.n_steps, kind="stable")
    order = order[blocks.n_steps[order] > 0]
    indices = np.zeros((len(blocks.n_steps), coder.max_steps), np.uint8)
    device = jax.config.jax_default_device  # of this thread alone: the pool's threads are told

    def search_some(some: np.ndarray, n_steps: np.ndarray, room: int) -> np.ndarray:
        padded = _Blocks(*(part[np.resize(some, at_once)] for part in blocks))._replace(n_steps=n_steps)
        sizes = room, coder.n_beams, *map(int, coder.codebook)
        with jax.default_device(device), search_jax():
            return np.asarray(run(_search_blocks, sizes, padded))

    def fill(some: np.ndarray, room: int) -> None:
        indices[some, :room] = search_some(some, blocks.n_steps[np.resize(some, at_once)], room)[: len(some)]

    chunks = [order[i : i + at_once] for i in range(0, len(order), at_once)]
    rooms = [_room(int(blocks.n_steps[some].max()), coder.max_steps) for some in chunks]
    for room in set(rooms):  # no steps: made ready here, so that no two threads compile the same
        search_some(order, np.zeros(at_once, np.int32), room)
    with ThreadPoolExecutor(n_processors()) as pool:
        list(pool.map(fill, chunks, rooms))
    return indices


def _room(n_steps: int, most: int) -> int:
    """The steps that a search of n_steps is compiled for: of few numbers, because what it keeps of every step of every
    path is tens of megabytes, most of them never touched where there is room for the longest block that may be.
    """
    room = _LEAST_ROOM
    while room < n_steps:
        room *= 4
    return min(room, most)


@functools.partial(Program, static_argnums=(0,))
def _search_blocks(sizes: tuple[int, ...], blocks: _Blocks) -> jax.Array:
    """Indices uint8 [at_once, room] of so many blocks together; sizes: (room, beams, and those of Codebook)."""
    room, n_beams, n_candidates, length, shared = sizes
    codebook = Codebook(n_candidates, length, bool(shared))

    def one(n_steps, first, second, loc, scale, shares):
        return search(n_steps, Key(first, second), DiagGaussian(loc, scale), shares, room, n_beams, codebook)

    return jax.vmap(one, axis_name=BLOCKS)(*blocks)

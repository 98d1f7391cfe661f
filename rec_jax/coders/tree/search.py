"""The tree coder's search: the M-algorithm (Jelinek and Anderson 1971) over the codebook of codebook.py.

A path's score is log q/p of the dims it has fixed. Step k adds to it the score of a window n of its sequence,

    S[n] = sum_i quadratic_i g[n + i]^2 + linear_i g[n + i],

which does not depend on the path. Few dims are added one by one, each for all windows; of many, two circular
correlations by FFT give S (those too sharp for an FFT's precision are added one by one). Then the B M candidates of B
paths cost a look-up each. The best B, or a few less, survive; they are found by a threshold, in bisections, because
sorting is what such a search otherwise spends its time on, and they need no order.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders.keys import at
from rec_jax.coders.paths import first_path
from rec_jax.coders.tree.codebook import Codebook, sequence, windows_of
from rec_jax.coders.tree.groups import group_of_dims
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.threefry import Key, child

_FEW_DIMS, _DIMS_AT_ONCE = 48, 8  # a group of so many is added dim by dim, which is then faster than FFTs
_SPAN_NATS = 40.0  # paths that lie further behind the best one are dropped
_BISECTIONS = 13  # of that span: the threshold is sharp to 0.005 nats
_SHARP = -1e4  # quadratic coefficients beyond which the FFT's rounding, relative to the largest term, would show
_MIN_SCALE = 1e-4  # sharper targets are searched as if they were this wide: no sequence is long enough to hit them
_SAMPLE_FROM = 1 << 13  # scores of which the threshold is found on a sample
_SAMPLE_MARGIN = 0.95  # of the beam that the sample is to fill: what exceeds the beam is dropped whatever its score
BLOCKS = "blocks"  # name of the axis of blocks that are searched together


class _Beam(NamedTuple):
    """The surviving paths after `step` steps, in no order."""

    step: jax.Array  # int32 []
    scores: jax.Array  # [B], less that of the best one; -inf where there is no path
    paths: Key  # [B]
    came_from: jax.Array  # [max_steps, B]: parent * M + candidate of each survivor of each step, in its smallest type


def search(
    n_steps: jax.Array,
    key: Key,
    target: DiagGaussian,
    weights: jax.Array,
    max_steps: int,
    n_beams: int,
    codebook: Codebook,
) -> jax.Array:
    """Indices uint8 [max_steps] of one block, zero beyond n_steps; target [D] in p's coordinates.

    weights: int32 [D], see groups.py.  Works under a vmap of the axis BLOCKS, over blocks searched together.
    """
    n_candidates, length, _ = codebook
    group_of = group_of_dims(weights, n_steps, n_candidates, length, jnp)
    normals_of = _sequences(key, codebook, target.loc.size)
    starts = jnp.searchsorted(group_of, jnp.arange(max_steps + 1), method="sort").astype(jnp.int32)
    linear, quadratic = _coefficients(target, length)
    kept_as = jnp.uint16 if n_beams * n_candidates <= 1 << 16 else jnp.int32  # it is most of a search's memory

    def extend(beam: _Beam) -> _Beam:
        scores = _window_scores(functools.partial(normals_of, beam.step), linear, quadratic, starts, beam.step, length)
        windows = windows_of(beam.paths, codebook, jnp)  # [M, B]
        total = beam.scores + scores[windows]  # [M, B]: sums over candidates are sums of rows
        parents, candidates, there, best = _select(total, n_beams)
        found = _Beam(
            step=beam.step + 1,
            scores=jnp.where(there, total[candidates, parents] - best, -jnp.inf),
            paths=child(at(beam.paths, parents), candidates.astype(jnp.uint32)),
            came_from=beam.came_from.at[beam.step].set((parents * n_candidates + candidates).astype(kept_as)),
        )
        running = beam.step < n_steps  # the others wait for the longest block of the chunk
        keep = [jnp.where(running, new, old) for new, old in zip(found.paths, beam.paths, strict=True)]
        return found._replace(scores=jnp.where(running, found.scores, beam.scores), paths=Key(*keep))

    start = _Beam(
        step=jnp.int32(0),
        scores=jnp.where(jnp.arange(n_beams) == 0, 0.0, -jnp.inf),
        paths=Key(*(jnp.broadcast_to(word, (n_beams,)) for word in first_path(key, jnp))),
        came_from=jnp.zeros((max_steps, n_beams), kept_as),
    )
    longest = jax.lax.pmax(n_steps, BLOCKS)
    end = jax.lax.while_loop(lambda beam: beam.step < longest, extend, start)
    return _trace_back(end, n_steps, n_candidates)


def _coefficients(target: DiagGaussian, length: int):
    """log q(z) / p(z) = quadratic z^2 + linear z + constant per dim; padded so that slices of `length` stay inside."""
    precision = 1.0 / jnp.maximum(target.scale, _MIN_SCALE) ** 2
    pad = (0, length)
    return jnp.pad(target.loc * precision, pad), jnp.pad(0.5 * (1.0 - precision), pad)


def _sequences(key: Key, codebook: Codebook, n_dims: int) -> Callable[[Any, Any], jax.Array]:
    """A function of (step, part) that gives that sequence, [F]; one that all steps share is drawn here."""

    def draw(step, part):
        return sequence(key, step, part, codebook, jnp).astype(jnp.float32) * 2.0**-FRACTION_BITS

    if not codebook.shared:
        return draw
    drawn = jax.vmap(lambda part: draw(0, part))(jnp.arange(-(-n_dims // codebook.length)))
    return lambda step, part: drawn[part]


def _window_scores(normals_of, linear, quadratic, starts, step, length: int):
    """S[n] of every window n of a step's sequences, normals_of(part), up to a constant, [length]."""
    start = starts[step]
    size = starts[step + 1] - start
    widest = jax.lax.pmax(size, BLOCKS)
    few, many = (
        functools.partial(scores_of, normals_of, linear, quadratic, start, size, length, widest)
        for scores_of in (_by_dims, _by_spectra)
    )
    return jax.lax.cond(widest <= _FEW_DIMS, few, many)


def _by_dims(normals_of, linear, quadratic, start, size, length: int, widest):
    """Few dims one by one: a window more, shifted by one, for each."""
    normals = normals_of(0)
    twice = jnp.concatenate([normals, normals])

    def add_some(i, scores):
        first = i * _DIMS_AT_ONCE
        inside = first + jnp.arange(_DIMS_AT_ONCE) < size
        here = [jax.lax.dynamic_slice(x, (start + first,), (_DIMS_AT_ONCE,)) for x in (linear, quadratic)]
        linear_here, quadratic_here = (jnp.where(inside, x, 0.0) for x in here)
        sharp = quadratic_here < _SHARP  # those as squares, which do not cancel
        middle = jnp.where(sharp, 0.5 * linear_here / jnp.where(sharp, quadratic_here, 1.0), 0.0)
        slope = jnp.where(sharp, 0.0, linear_here)
        windows = jax.lax.dynamic_slice(twice, (first,), (length + _DIMS_AT_ONCE,))
        for dim in range(_DIMS_AT_ONCE):
            window = windows[dim : dim + length]
            scores = scores + quadratic_here[dim] * (window + middle[dim]) ** 2 + slope[dim] * window
        return scores

    return jax.lax.fori_loop(0, -(-widest // _DIMS_AT_ONCE), add_some, jnp.zeros(length))


def _by_spectra(normals_of, linear, quadratic, start, size, length: int, widest):
    """Many dims by two circular correlations."""

    def add_part(part, totals):
        spectrum, direct = totals
        inside = jnp.arange(length) < size - part * length
        linear_here, quadratic_here = (
            jnp.where(inside, jax.lax.dynamic_slice(x, (start + part * length,), (length,)), 0.0)
            for x in (linear, quadratic)
        )
        normals = normals_of(part)
        sharp = quadratic_here < _SHARP
        blunt = [jnp.where(sharp, 0.0, x) for x in (linear_here, quadratic_here)]
        spectra = jnp.fft.rfft(jnp.stack([*blunt, normals, normals**2]))
        spectrum = spectrum + jnp.conj(spectra[0]) * spectra[2] + jnp.conj(spectra[1]) * spectra[3]
        return spectrum, _add_sharp(direct, sharp, linear_here, quadratic_here, normals)

    # A group may be wider than the sequence is long.
    n_parts = -(-widest // length) if linear.size > 2 * length else 1
    start_totals = jnp.zeros(length // 2 + 1, jnp.complex64), jnp.zeros(length)
    spectrum, direct = jax.lax.fori_loop(0, n_parts, add_part, start_totals)
    return jnp.fft.irfft(spectrum, length) + direct


def _add_sharp(scores, sharp, linear, quadratic, normals):
    """Adds the sharp dims' part of S to scores [length], one dim at a time, as squares that do not cancel."""
    twice = jnp.concatenate([normals, normals])

    def add_first(_, state):
        left, scores = state
        place = jnp.argmax(left)
        window = jax.lax.dynamic_slice(twice, (place,), normals.shape)
        square = quadratic[place] * (window + 0.5 * linear[place] / quadratic[place]) ** 2
        return left.at[place].set(False), scores + jnp.where(left[place], square, 0.0)

    return jax.lax.fori_loop(0, jax.lax.pmax(jnp.sum(sharp), BLOCKS), add_first, (sharp, scores))[1]


def _select(scores, n_best: int):
    """The highest n_best of scores [M, B], or a few less, in no order: (parents, candidates, there, best score).

    parents, candidates: int32 [n_best].  there: bool [n_best], False where there are fewer. -inf is no score.
    """
    n_candidates, n_beams = scores.shape
    best = jnp.max(functools.reduce(jnp.maximum, scores))
    threshold = _threshold(scores, n_best, best)
    kept = [(row > threshold) | (row == best) for row in scores]
    bits = [jnp.uint32(1 << candidate) for candidate in range(n_candidates)]
    words = _once(sum(jnp.where(row, bit, 0) for row, bit in zip(kept, bits, strict=True)))  # [B]: a path's survivors
    ends = _running_sums(_popcount(words))
    slots = jnp.arange(n_best)
    ended = _running_sums(jnp.zeros(n_best, jnp.int32).at[ends].add(1, mode="drop"))
    parents = jnp.minimum(ended, n_beams - 1)  # of a slot: as many parents as end before it
    words = _once(words[parents])
    ranks = slots - (ends[parents] - _popcount(words))  # a slot takes the survivor of this rank among its parent's
    return parents, _once(_place_of_one(words, ranks, n_candidates)), slots < ends[-1], best


def _place_of_one(words, rank, n_bits: int):
    """Where the rank-th 1 of words of n_bits is, counted from the lowest, from 0: by halves."""
    place = jnp.zeros_like(rank)
    half = 1 << (n_bits - 1).bit_length()
    while half := half // 2:
        ones = _popcount((words >> place.astype(jnp.uint32)) & ((1 << half) - 1))
        beyond = rank >= ones
        place, rank = jnp.where(beyond, place + half, place), jnp.where(beyond, rank - ones, rank)
    return place


def _running_sums(counts):
    """Cumulative sums int32 [n] of counts that sum to less than 2^24: rows by a product, where cumsum would be slow."""
    width = min(64, counts.size)
    rows = jnp.pad(counts, (0, -counts.size % width)).reshape(-1, width).astype(jnp.float32)
    within = jnp.matmul(rows, jnp.triu(jnp.ones((width, width))), precision=jax.lax.Precision.HIGHEST)
    before = jnp.cumsum(within[:, -1]) - within[:, -1]
    return (within + before[:, None]).reshape(-1)[: counts.size].astype(jnp.int32)


def _once(x):
    """x, kept for all who read it: a compiler that fuses would have each of them compute it again."""
    return jax.lax.optimization_barrier(x)


def _popcount(words):
    return jax.lax.population_count(words).astype(jnp.int32)


def _threshold(scores, n_best: int, best):
    """A score that about n_best of scores [M, B] exceed; of many scores, only two per path are looked at."""
    sampled = scores.size > _SAMPLE_FROM
    sample = scores[:: -(-scores.shape[0] // 2)] if sampled else scores
    wanted = n_best * sample.size / scores.size * (_SAMPLE_MARGIN if sampled else 1.0)

    def halve(_, bounds):
        low, high = bounds
        middle = 0.5 * (low + high)
        fits = jnp.sum(sample > middle) <= wanted
        return jnp.where(fits, low, middle), jnp.where(fits, middle, high)

    return jax.lax.fori_loop(0, _BISECTIONS, halve, (best - _SPAN_NATS, best))[1]


def _trace_back(beam: _Beam, n_steps, n_candidates: int):
    """The indices of the best path, uint8 [max_steps], zero beyond n_steps."""

    def step_back(i, state):
        slot, indices = state
        step = n_steps - 1 - i
        came_from = beam.came_from[step, slot].astype(jnp.int32)
        return came_from // n_candidates, indices.at[step].set((came_from % n_candidates).astype(jnp.uint8))

    indices = jnp.zeros(beam.came_from.shape[0], jnp.uint8)
    slot = jnp.argmax(beam.scores).astype(jnp.int32)
    return jax.lax.fori_loop(0, n_steps, step_back, (slot, indices))[1]

"""The best of many scores, in no order: found by a threshold, as sorting would take most of a search's time."""

import functools

import jax
import jax.numpy as jnp

_SPAN_NATS = 40.0  # paths that lie further behind the best one are dropped
_BISECTIONS = 13  # of that span: the threshold is sharp to 0.005 nats
_SAMPLE_FROM = 1 << 13  # scores of which the threshold is found on a sample
_SAMPLE_MARGIN = 0.95  # of the beam that the sample is to fill: what exceeds the beam is dropped whatever its score


def survivors(scores, n_best: int):
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

"""The tree coder's search: the M-algorithm (Jelinek and Anderson 1971) over the codebook of tree_codebook.py.

A path's score is log q/p of the dims it has fixed. Step k adds to it the score of a window n of its sequence,

    S[n] = sum_i quadratic_i g[n + i]^2 + linear_i g[n + i],

which does not depend on the path: two circular correlations, by FFT, give S for all windows at once, and the B M
candidates of B paths cost a look-up each. The best B survive; they are found by a threshold, in bisections, because
sorting is what such a search otherwise spends its time on, and they need no order.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders.tree_codebook import Groups, first_path, make_groups, sequence, windows_of
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key

_SPAN_NATS = 40.0  # paths that lie further behind the best one are dropped
_BISECTIONS = 13  # of that span: the threshold is sharp to 0.005 nats
_MIN_SCALE = 1e-4  # sharper targets are searched as if they were this wide: no sequence is long enough to hit them
_CHUNK = "chunk"  # name of the axis of blocks that are searched together


class _Beam(NamedTuple):
    """The surviving paths after `step` steps, in no order."""

    step: jax.Array  # int32 []
    scores: jax.Array  # [B], less that of the best one; -inf where there is no path
    paths: jax.Array  # keys [B]
    came_from: jax.Array  # int32 [max_steps, B]: parent * M + candidate of each survivor of each step


def search(
    keys: jax.Array,
    target: DiagGaussian,
    n_steps: jax.Array,
    max_steps: int,
    n_candidates: int,
    n_beams: int,
    length: int,
) -> jax.Array:
    """Indices [C, max_steps] of C blocks that are searched together; target [C, D] in p's coordinates; n_steps [C]."""

    def search_one(key, target, n_steps):
        return _search(key, target, n_steps, max_steps, n_candidates, n_beams, length)

    return jax.vmap(search_one, axis_name=_CHUNK)(keys, target, n_steps)


def _search(key, target, n_steps, max_steps: int, n_candidates: int, n_beams: int, length: int):
    groups = make_groups(target.loc.size, n_steps, n_candidates, length)
    linear, quadratic = _coefficients(target, length)

    def extend(beam: _Beam) -> _Beam:
        scores = _window_scores(key, linear, quadratic, groups, beam.step, length)
        windows = jax.vmap(lambda path: windows_of(path, n_candidates, length))(beam.paths)  # [B, M]
        total = beam.scores[:, None] + scores[windows]  # [B, M]
        parents, candidates, there, best = _select(total, n_beams)
        found = _Beam(
            step=beam.step + 1,
            scores=jnp.where(there, total[parents, candidates] - best, -jnp.inf),
            paths=jax.vmap(child_key)(beam.paths[parents], candidates),
            came_from=beam.came_from.at[beam.step].set(parents * n_candidates + candidates),
        )
        running = beam.step < n_steps  # the others wait for the longest block of the chunk
        return found._replace(
            scores=jnp.where(running, found.scores, beam.scores), paths=jnp.where(running, found.paths, beam.paths)
        )

    start = _Beam(
        step=jnp.int32(0),
        scores=jnp.where(jnp.arange(n_beams) == 0, 0.0, -jnp.inf),
        paths=jnp.broadcast_to(first_path(key), (n_beams,)),
        came_from=jnp.zeros((max_steps, n_beams), jnp.int32),
    )
    longest = jax.lax.pmax(n_steps, _CHUNK)
    end = jax.lax.while_loop(lambda beam: beam.step < longest, extend, start)
    return _trace_back(end, n_steps, n_candidates)


def _coefficients(target: DiagGaussian, length: int):
    """log q(z) / p(z) = quadratic z^2 + linear z + constant per dim; padded so that slices of `length` stay inside."""
    precision = 1.0 / jnp.maximum(target.scale, _MIN_SCALE) ** 2
    pad = (0, length)
    return jnp.pad(target.loc * precision, pad), jnp.pad(0.5 * (1.0 - precision), pad)


def _window_scores(key, linear, quadratic, groups: Groups, step, length: int):
    """S[n] of every window n of a step's sequence, up to a constant, [length]."""
    start, size = groups.start(step), groups.size(step)

    def spectrum_of_part(part, total):
        inside = jnp.arange(length) < size - part * length
        here = [
            jnp.where(inside, jax.lax.dynamic_slice(x, (start + part * length,), (length,)), 0.0)
            for x in (linear, quadratic)
        ]
        normals = sequence(key, step, part, length)
        spectra = jnp.fft.rfft(jnp.stack([*here, normals, normals**2]))
        return total + jnp.conj(spectra[0]) * spectra[2] + jnp.conj(spectra[1]) * spectra[3]

    # A group may be wider than the sequence is long.
    n_parts = jax.lax.pmax(-(-size // length), _CHUNK) if linear.size > 2 * length else 1
    total = jax.lax.fori_loop(0, n_parts, spectrum_of_part, jnp.zeros(length // 2 + 1, jnp.complex64))
    return jnp.fft.irfft(total, length)


def _select(scores, n_best: int):
    """The highest n_best of scores [B, M], or a few less, in no order: (parents, candidates, there, best score).

    parents, candidates: int32 [n_best].  there: bool [n_best], False where there are fewer. -inf is no score.
    """
    best = jnp.max(scores)

    def halve(_, bounds):
        low, high = bounds
        middle = 0.5 * (low + high)
        fits = jnp.sum(scores > middle) <= n_best
        return jnp.where(fits, low, middle), jnp.where(fits, middle, high)

    _, threshold = jax.lax.fori_loop(0, _BISECTIONS, halve, (best - _SPAN_NATS, best))
    kept = (scores > threshold) | (scores == best)
    within = jnp.cumsum(kept, axis=1)  # [B, M]
    ends = jnp.cumsum(within[:, -1])  # [B]
    slots = jnp.arange(n_best)
    parents = jnp.minimum(jnp.searchsorted(ends, slots, side="right"), scores.shape[0] - 1)
    ranks = slots - (ends - within[:, -1])[parents]
    candidates = jnp.argmax(within[parents] > ranks[:, None], axis=1)
    return parents, candidates, slots < ends[-1], best


def _trace_back(beam: _Beam, n_steps, n_candidates: int):
    """The indices of the best path, uint32 [max_steps], zero beyond n_steps."""

    def step_back(i, state):
        slot, indices = state
        step = n_steps - 1 - i
        came_from = beam.came_from[step, slot]
        return came_from // n_candidates, indices.at[step].set((came_from % n_candidates).astype(jnp.uint32))

    indices = jnp.zeros(beam.came_from.shape[0], jnp.uint32)
    slot = jnp.argmax(beam.scores).astype(jnp.int32)
    return jax.lax.fori_loop(0, n_steps, step_back, (slot, indices))[1]

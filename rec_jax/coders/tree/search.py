"""The tree coder's search: the M-algorithm (Jelinek and Anderson 1971) over the codebook of codebook.py.

A path's score is log q/p of the dims it has fixed. Step k adds to it the score of a window n of its sequence,

    S[n] = sum_i quadratic_i g[n + i]^2 + linear_i g[n + i],

which does not depend on the path (window_scores.py). Then the B M candidates of B paths cost a look-up each. The best
B, or a few less, survive (survivors.py).
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders.keys import at
from rec_jax.coders.paths import first_path
from rec_jax.coders.tree.codebook import Codebook, windows_of
from rec_jax.coders.tree.groups import group_of_dims
from rec_jax.coders.tree.survivors import survivors
from rec_jax.coders.tree.window_scores import BLOCKS, coefficients, sequences, window_scores
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.threefry import Key, child


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
    normals_of = sequences(key, codebook, target.loc.size)
    starts = jnp.searchsorted(group_of, jnp.arange(max_steps + 1), method="sort").astype(jnp.int32)
    linear, quadratic = coefficients(target, length)
    kept_as = jnp.uint16 if n_beams * n_candidates <= 1 << 16 else jnp.int32  # it is most of a search's memory

    def extend(beam: _Beam) -> _Beam:
        scores = window_scores(functools.partial(normals_of, beam.step), linear, quadratic, starts, beam.step, length)
        windows = windows_of(beam.paths, codebook, jnp)  # [M, B]
        total = beam.scores + scores[windows]  # [M, B]: sums over candidates are sums of rows
        parents, candidates, there, best = survivors(total, n_beams)
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

"""The first weighted arrival of a Poisson process of candidates: the search of `poisson` and `ordered`.

Candidate i = 0, 1, ... is z_i ~ p and arrives at time T_i = T_{i-1} + E_i v_i with E_i ~ Exp(1). What is sent is the i
with the smallest T_i p(z_i) / q(z_i). Times only grow, so that with log q/p <= bound no candidate after T_i can win
once log T_i - bound is above the best so far. Only the sender needs the times.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders import draws
from rec_jax.coders.few_nats.candidates import CANDIDATES_AT_ONCE
from rec_jax.coders.few_nats.ratio_calls import RatioOf

_TIMES = 1 << 24  # child of a call's key, behind all candidates


class Arrival(NamedTuple):
    """The winner, and whether no later candidate could have beaten it."""

    index: jax.Array  # int32 []
    log_ratio: jax.Array  # log q/p of it, nats
    certain: jax.Array  # bool []


class _Search(NamedTuple):
    start: jax.Array  # int32 []: candidates looked at
    time: jax.Array  # arrival of the last of them
    score: jax.Array  # log T + log p/q of the best
    ratio: jax.Array
    index: jax.Array


def first_arrival(key, ratio_of: RatioOf, n_candidates: jax.Array, bound: jax.Array, ordered: bool) -> Arrival:
    """The winner among at most n_candidates (int32 []) candidates, log q/p <= bound nats (inf: all are looked at).

    ratio_of: log q/p of a candidate by its number.
    ordered: v_i = N / (N - i), which makes T / N the order statistics of N exponentials; otherwise v_i = 1.
    """

    def more(s: _Search):
        return (s.start < n_candidates) & ~(jnp.log(s.time) - bound >= s.score)

    def look(s: _Search) -> _Search:
        indices = s.start + jnp.arange(CANDIDATES_AT_ONCE)
        gaps = draws.exponential(draws.child(draws.child(key, _TIMES), s.start), indices.shape)
        if ordered:
            gaps *= n_candidates / jnp.maximum(n_candidates - indices, 1)
        times = s.time + jnp.cumsum(gaps)
        ratios = jax.vmap(ratio_of)(indices)
        scores = jnp.where(indices < n_candidates, jnp.log(times) - ratios, jnp.inf)
        winner = jnp.argmin(scores)
        better = scores[winner] < s.score
        new = (scores[winner], ratios[winner], indices[winner])
        kept = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, (s.score, s.ratio, s.index))
        return _Search(s.start + CANDIDATES_AT_ONCE, times[-1], *kept)

    worst = jnp.where(n_candidates > 0, -jnp.inf, 0.0).astype(jnp.float32)  # stays where q is 0 at every candidate
    first = _Search(jnp.int32(0), jnp.float32(0.0), jnp.float32(jnp.inf), worst, jnp.int32(0))
    end = jax.lax.while_loop(more, look, first)
    return Arrival(end.index, end.ratio, jnp.log(end.time) - bound >= end.score)

"""Index coding without auxiliary variables: minimal random coding (Havasi, Peharz, Hernandez-Lobato 2019, Alg. 1).

Both sides draw z_1, z_2, ... ~ p. The sender draws M = 2^e of them, with e = ceil(log2 exp(KL (1 + epsilon))), and
sends e and the index of one of them. selection="best": the one with the largest q(z) / p(z), a rule that collapses
q as M grows beyond exp(KL). selection="sampled": index i with probability proportional to q(z_i) / p(z_i), the rule
of the paper, by the Gumbel-max trick; its z follows q as M grows.

Domain: any D, KL of at most `max_nats` (12 by default: the cost is O(D exp(KL))). Approximate: the bias of the
sampled rule falls as epsilon grows. Use it for a few dims or a single small block; beam_search carries it to any KL.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from rec_jax.coders import draws
from rec_jax.coders.base import Info
from rec_jax.coders.few_nats.candidates import CANDIDATES_AT_ONCE, CandidatesCoder, candidate, gaussian_ratios
from rec_jax.coders.few_nats.ratio_calls import RatioOf
from rec_jax.coders.one_index import IndexCode
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import kl_nats
from rec_jax.entropy.tables import UniformTable

_NOISE = 1 << 24  # child of the key, behind all candidates: what the sender alone draws


@dataclass(frozen=True)
class IndexCoder(CandidatesCoder):
    """See the module's docstring.

    epsilon: extra candidates, exp(KL * epsilon) times as many, and `extra_nats` more (less for a KL below that).
    max_nats: largest KL.  selection: "best" or "sampled".
    """

    epsilon: float = 0.2
    extra_nats: float = 1.0
    max_nats: float = 12.0
    selection: str = "best"

    def __post_init__(self):
        super().__post_init__()
        if self.selection not in ("best", "sampled"):
            raise ConfigError(f"coder.selection={self.selection!r}: best or sampled")

    def exponent_table(self) -> UniformTable:
        """The table of e: nothing is known of it."""
        return UniformTable(self.max_exponent + 1)

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, key, q, p):
        return self.search(key, gaussian_ratios(key, q, p), jnp.sum(kl_nats(q, p)), jnp.float32(jnp.inf))

    def search(self, key, ratio_of, kl_nats, bound):
        exponent, overflow = self._exponent(kl_nats, jnp.minimum(self.extra_nats, kl_nats))
        index, ratio = self._choose(key, ratio_of, exponent)
        return IndexCode(jnp.where(overflow, -1, exponent), index), Info(kl_nats, ratio, overflow)

    def index_of(self, code):
        return code.index

    @functools.partial(jax.jit, static_argnums=0)
    def decode_call(self, key, p, code):
        return candidate(key, p, code.index)

    def _choose(self, key, ratio_of: RatioOf, exponent):
        """(index, log q/p) of the chosen one of 2^exponent candidates, a chunk at a time."""
        n_candidates = jnp.left_shift(jnp.int32(1), exponent)

        def look(state):
            start, best_score, best_ratio, best_index = state
            indices = start + jnp.arange(CANDIDATES_AT_ONCE)
            ratios = jax.vmap(ratio_of)(indices)
            scores = ratios
            if self.selection == "sampled":
                scores += draws.gumbel(draws.child(draws.child(key, _NOISE), start), indices.shape)
            scores = jnp.where(indices < n_candidates, scores, -jnp.inf)
            winner = jnp.argmax(scores)
            better = scores[winner] > best_score
            new = (scores[winner], ratios[winner], indices[winner])
            kept = jax.tree.map(lambda a, b: jnp.where(better, a, b), new, (best_score, best_ratio, best_index))
            return start + CANDIDATES_AT_ONCE, *kept

        start = (jnp.int32(0), jnp.float32(-jnp.inf), jnp.float32(-jnp.inf), jnp.int32(0))
        _, _, ratio, index = jax.lax.while_loop(lambda s: s[0] < n_candidates, look, start)
        return index.astype(jnp.uint32), ratio

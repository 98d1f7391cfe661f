"""Index coding without auxiliary variables: minimal random coding by arg-max (Havasi et al. 2019, arXiv:1810.00440).

Both sides draw z_1, z_2, ... ~ p. The sender draws M = 2^e of them, with e = ceil(log2 exp(KL (1 + epsilon))), and
sends e and the index of the one with the largest q(z) / p(z).

Domain: any D, KL of at most `max_nats` (12 by default: the cost is O(D exp(KL))). Approximate: the bias falls as
epsilon grows. Use it for a few dims or a single small block; beam_search carries it to any KL.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import Info, ReadSymbols, raise_on_overflow
from rec_jax.core.errors import CoderOverflow, ConfigError
from rec_jax.core.gaussian import DiagGaussian, kl_nats, log_ratio
from rec_jax.core.prng import child_key
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.tables import UniformTable

CANDIDATES_AT_ONCE = 256


class IndexCode(NamedTuple):
    """One index out of 2^exponent."""

    exponent: jax.Array  # int32 []; -1 marks an overflow
    index: jax.Array  # uint32 []


@dataclass(frozen=True)
class IndexCoder:
    """See the module's docstring. epsilon: extra candidates, exp(KL * epsilon) times as many, plus `extra_nats`."""

    epsilon: float = 0.2
    extra_nats: float = 1.0
    max_nats: float = 12.0

    def __post_init__(self):
        in_range = self.epsilon >= 0 and self.extra_nats >= 0 and 0 < self.max_nats < math.inf
        if not (in_range and self.max_exponent <= 24):
            raise ConfigError(
                f"coder.epsilon={self.epsilon}, extra_nats={self.extra_nats}, max_nats={self.max_nats}: need epsilon "
                "and extra_nats >= 0, max_nats > 0 and exp(max_nats (1 + epsilon) + extra_nats) of at most 2^24"
            )

    @property
    def max_exponent(self) -> int:
        """Largest e: 2^e candidates for a target of max_nats."""
        return math.ceil(nats_to_bits(self.max_nats * (1.0 + self.epsilon) + self.extra_nats))

    def encode(self, key, q, p):
        code, info = self._encode(key, q, p)
        raise_on_overflow(info.overflow, self.max_nats)
        return code, info

    def encode_batch(self, keys, q, p):
        return jax.vmap(self._encode)(keys, q, p)

    def _encode(self, key, q, p):
        kl = jnp.sum(kl_nats(q, p))
        overflow = ~(kl <= self.max_nats)
        wanted = jnp.ceil(nats_to_bits(kl * (1.0 + self.epsilon) + jnp.minimum(self.extra_nats, kl)))
        exponent = jnp.where(overflow, 0, wanted).astype(jnp.int32)
        index, ratio = self._search(key, q, p, exponent)
        return IndexCode(jnp.where(overflow, -1, exponent), index), Info(kl, ratio, overflow)

    def decode(self, key, p, code):
        return _candidate(key, p, code.index)

    def symbols(self, code, p):
        exponent = int(code.exponent)
        if exponent < 0:
            raise CoderOverflow(f"a target of more than max_nats={self.max_nats:g} nats has no code")
        values = [np.array([exponent]), np.array([int(code.index)])]
        return values, [self._exponent_table(), UniformTable(1 << exponent)]

    def read_symbols(self, read: ReadSymbols, p):
        exponent = read(self._exponent_table(), 1)
        return [exponent, read(UniformTable(1 << int(exponent[0])), 1)]

    def from_symbols(self, values, p):
        return IndexCode(np.int32(values[0][0]), np.uint32(values[1][0]))

    def index_bits(self, code) -> float:
        values, tables = self.symbols(code, None)
        return sum(table.bits(v) for v, table in zip(values, tables, strict=True))

    def _exponent_table(self) -> UniformTable:
        return UniformTable(self.max_exponent + 1)

    def _search(self, key, q: DiagGaussian, p: DiagGaussian, exponent):
        """(index, log q/p) of the best of 2^exponent candidates, a chunk at a time."""
        n_candidates = jnp.left_shift(jnp.int32(1), exponent)

        def look(state):
            start, best_ratio, best_index = state
            indices = start + jnp.arange(CANDIDATES_AT_ONCE)
            ratios = jax.vmap(lambda i: jnp.sum(log_ratio(_candidate(key, p, i), q, p)))(indices)
            ratios = jnp.where(indices < n_candidates, ratios, -jnp.inf)
            winner = jnp.argmax(ratios)
            better = ratios[winner] > best_ratio
            return (
                start + CANDIDATES_AT_ONCE,
                jnp.where(better, ratios[winner], best_ratio),
                jnp.where(better, indices[winner], best_index),
            )

        start = (jnp.int32(0), jnp.float32(-jnp.inf), jnp.int32(0))
        _, ratio, index = jax.lax.while_loop(lambda s: s[0] < n_candidates, look, start)
        return index.astype(jnp.uint32), ratio


def _candidate(key, p: DiagGaussian, index):
    """z_index ~ p by itself; [D]."""
    return p.loc + p.scale * jax.random.normal(child_key(key, index), p.loc.shape)

"""Candidates z_i ~ p that both sides can draw one by one, and the coders that look at 2^e of them for a KL."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from rec_jax.coders import draws
from rec_jax.coders.few_nats.ratio_calls import RatioCoder, RatioOf
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian, log_ratio
from rec_jax.core.units import nats_to_bits
from rec_jax.exact.threefry import Key

CANDIDATES_AT_ONCE = 256


def candidate(key: Key, p: DiagGaussian, index: jax.Array) -> jax.Array:
    """z_index ~ p by itself, index < 2^24; [D]."""
    return p.loc + p.scale * draws.normal(draws.child(key, index), p.loc.shape)


def gaussian_ratios(key: Key, q: DiagGaussian, p: DiagGaussian) -> RatioOf:
    """log q/p of `candidate` by its number."""
    return lambda index: jnp.sum(log_ratio(candidate(key, p, index), q, p))


@dataclass(frozen=True)
class CandidatesCoder(RatioCoder):
    """A coder of any target of at most max_nats that looks at exp(KL (1 + epsilon) + extra_nats) candidates."""

    epsilon: float
    extra_nats: float
    max_nats: float

    def __post_init__(self):
        if not (
            self.epsilon >= 0 and self.extra_nats >= 0 and 0 < self.max_nats < math.inf and self.max_exponent <= 24
        ):
            raise ConfigError(
                f"coder.epsilon={self.epsilon}, extra_nats={self.extra_nats}, max_nats={self.max_nats}: need "
                "epsilon and extra_nats >= 0, max_nats > 0 and at most 2^24 candidates, "
                "exp(max_nats (1 + epsilon) + extra_nats)"
            )

    @property
    def max_exponent(self) -> int:
        """Largest e: 2^e candidates for a target of max_nats."""
        return math.ceil(nats_to_bits(self.max_nats * (1.0 + self.epsilon) + self.extra_nats))

    @property
    def domain(self) -> str:
        """What `encode` says of a target that it cannot hold."""
        return f"more than max_nats={self.max_nats:g} nats in one block; raise max_nats or use smaller blocks"

    def _exponent(self, kl_nats: jax.Array, extra_nats: jax.Array | float) -> tuple[jax.Array, jax.Array]:
        """(e for a target of this KL, int32 []; whether the KL is out of reach, and e is 0)."""
        overflow = ~(kl_nats <= self.max_nats)
        exponent = jnp.ceil(nats_to_bits(kl_nats * (1.0 + self.epsilon) + extra_nats))
        return jnp.where(overflow, 0, exponent).astype(jnp.int32), overflow

"""Logistic latents in floats under jax: their scales, draws and densities.

The scales are functions of what a network puts out, bounded below, so that bins of one width fit all (exact/logistic.py
has the same in integers):

    q: 0.1 + 0.9 sigmoid(raw + 2),   p: 0.1 + 0.9 softplus(raw + log(e - 1)), which is 1 at 0.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.exact.logistic import GENERATIVE_OFFSET, LEAST_SCALE, POSTERIOR_OFFSET, RAW_LIMIT, SPAN


class Logistic(NamedTuple):
    """Independent logistics; arrays, or plain numbers."""

    loc: Any
    scale: Any


def posterior(loc: jax.Array, raw: jax.Array) -> Logistic:
    """The q that a network describes."""
    return Logistic(loc, LEAST_SCALE + (1.0 - LEAST_SCALE) * jax.nn.sigmoid(_clipped(raw) + POSTERIOR_OFFSET))


def generative(loc: jax.Array, raw: jax.Array) -> Logistic:
    """The p that a network describes."""
    return Logistic(loc, LEAST_SCALE + (1.0 - LEAST_SCALE) * jax.nn.softplus(_clipped(raw) + GENERATIVE_OFFSET))


def sample(key: jax.Array, law: Logistic) -> jax.Array:
    """One draw, loc + scale log(u / (1 - u))."""
    return law.loc + law.scale * jax.random.logistic(key, jnp.shape(law.loc))


def log_prob(z: jax.Array, law: Logistic) -> jax.Array:
    """log density in nats, per number: -u - 2 log(1 + e^-u) - log scale, of u = |z - loc| / scale."""
    u = jnp.abs(z - law.loc) / law.scale
    return -u - 2.0 * jnp.log1p(jnp.exp(-u)) - jnp.log(law.scale)


def within_span(z: jax.Array) -> jax.Array:
    """What a network sees of a latent: its bins end at +-SPAN."""
    return jnp.clip(z, -SPAN, SPAN)


def _clipped(raw: jax.Array) -> jax.Array:
    return jnp.clip(raw, -RAW_LIMIT, RAW_LIMIT)

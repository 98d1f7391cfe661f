"""Random numbers of the one-shot coders from our own generator: the same under any settings of jax."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.exact.threefry import Key, threefry2x32

_DRAWS = 1  # first word of the counters: a key's children have 0 there


def uniform(key: Key, shape: tuple[int, ...] = ()) -> jax.Array:
    """Float32 on (0, 1), never at an end: the middles of 2^23 cells."""
    counters = jnp.asarray(np.arange(int(np.prod(shape)), dtype=np.uint32).reshape(shape))
    bits, _ = threefry2x32(key, (jnp.full_like(counters, _DRAWS), counters))
    return ((bits >> 9).astype(jnp.float32) + 0.5) * jnp.float32(2.0**-23)


def normal(key: Key, shape: tuple[int, ...]) -> jax.Array:
    """Standard normals."""
    return jnp.float32(np.sqrt(2.0)) * jax.lax.erf_inv(2.0 * uniform(key, shape) - 1.0)


def exponential(key: Key, shape: tuple[int, ...] = ()) -> jax.Array:
    """Exponentials of mean 1."""
    return -jnp.log(uniform(key, shape))


def gumbel(key: Key, shape: tuple[int, ...]) -> jax.Array:
    """Standard Gumbels."""
    return -jnp.log(exponential(key, shape))


def child(key: Key, index: Any) -> Key:
    """exact.threefry.child for an index of any integer type."""
    return Key(*threefry2x32(key, (jnp.uint32(0), jnp.asarray(index).astype(jnp.uint32))))

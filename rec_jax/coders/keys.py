"""Keys of the coders as words of our own generator (exact/threefry.py), from any key that a caller has."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.errors import ConfigError
from rec_jax.exact.threefry import Key


def as_words(key: Any) -> Key:
    """The words of a jax.random.key, an old-style jax.random.PRNGKey (uint32 [..., 2]) or a Key; shapes are kept.

    Raises ConfigError for anything else, and for keys of another generator than threefry2x32.
    """
    keys_shape(key)
    if isinstance(key, Key):
        return Key(*(jnp.asarray(word, jnp.uint32) for word in key))
    return _words(jax.random.key_data(key) if _is_typed(key) else key)


def keys_shape(key: Any) -> tuple[int, ...]:
    """The shape of an array of keys, () of one; raises as `as_words`, and computes nothing."""
    if isinstance(key, Key):
        return tuple(np.shape(key.first))
    if _is_typed(key):
        if (kind := str(jax.random.key_impl(key))) != "threefry2x32":
            raise ConfigError(f"key is of the generator {kind}; give jax.random.key(seed)")
        return tuple(key.shape)
    dtype, shape = getattr(key, "dtype", None), getattr(key, "shape", ())
    if dtype != jnp.uint32 or not shape or shape[-1] != 2:
        given = f"{dtype} {list(shape)}" if dtype is not None else repr(key)[:40]
        raise ConfigError(f"key is {given}; give jax.random.key(seed), or an array of such keys for encode_batch")
    return tuple(shape[:-1])


def _is_typed(key: Any) -> bool:
    return isinstance(key, jax.Array) and jnp.issubdtype(key.dtype, jax.dtypes.prng_key)


@jax.jit
def _words(data: jax.Array) -> Key:
    """Compiled, since indexing by itself takes a millisecond under vmap."""
    return Key(data[..., 0], data[..., 1])


def at(keys: Key, index: Any) -> Key:
    """keys[index] of an array of keys."""
    return Key(keys.first[index], keys.second[index])

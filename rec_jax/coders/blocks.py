"""Cutting a call's dimensions into blocks.

The dims of a call are standardised by p (so that p is N(0, 1)), permuted by a shared order and cut into blocks of
equal size. Dims that only fill up the last block have q = p and carry nothing.
"""

import functools
from typing import Any

import numpy as np

from rec_jax.exact.threefry import Key, child, seed_key, threefry2x32

_ORDER_SEED = 0x5EED


def block_shape(n_dims: int, block_size: int | None) -> tuple[int, int]:
    """(number of blocks, dims per block): as equal as they can be, none larger than block_size (None: one block)."""
    n_blocks = 1 if block_size is None else -(-n_dims // block_size)
    return n_blocks, -(-n_dims // n_blocks)


@functools.lru_cache(maxsize=64)
def permutation(n_dims: int) -> np.ndarray:
    """The shared order of a call's dims, int32 [D]: by a hash of each dim's number and of D; the same for all calls."""
    key = Key(*(np.uint32(word) for word in child(seed_key(_ORDER_SEED), n_dims)))
    first, second = threefry2x32(key, (np.uint32(0), np.arange(n_dims, dtype=np.uint32)))
    return np.lexsort((second, first)).astype(np.int32)


def block_keys(key: Key, n_blocks: int, xp: Any) -> Key:
    """One key per block of each call: [...] to [..., n_blocks]."""
    return child(Key(key.first[..., None], key.second[..., None]), xp.arange(n_blocks, dtype=xp.uint32))


def cut(values: Any, shape: tuple[int, int], fill: float, xp: Any) -> Any:
    """values [..., D] in the shared order, filled up and cut: [..., n_blocks, d]."""
    n_blocks, width = shape
    n_dims = values.shape[-1]
    ordered = values[..., permutation(n_dims)]
    pad = [(0, 0)] * (ordered.ndim - 1) + [(0, n_blocks * width - n_dims)]
    return xp.pad(ordered, pad, constant_values=fill).reshape(*values.shape[:-1], *shape)


def join(blocks: Any, n_dims: int) -> Any:
    """Inverse of `cut`: [..., n_blocks, d] -> [..., D]."""
    flat = blocks.reshape(*blocks.shape[:-2], -1)[..., :n_dims]
    return flat[..., np.argsort(permutation(n_dims))]

"""Which channels an integer flow moves: permutations that are the same everywhere."""

import functools

import numpy as np

from rec_jax.exact.threefry import Key, child, seed_key, threefry2x32


@functools.cache
def channel_order(level: int, step: int, n: int) -> tuple[int, ...]:
    """A permutation of n channels, one per level; each step's begins a quarter later than that before."""
    key = child(seed_key(0), level)
    none, numbers = np.zeros(n, np.uint32), np.arange(n, dtype=np.uint32)
    words = threefry2x32(Key(*(none + np.uint32(word) for word in key)), (none, numbers))
    return tuple(np.roll(np.lexsort(words[::-1]), step * (n // 4)).tolist())

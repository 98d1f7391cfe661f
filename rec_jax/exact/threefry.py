"""Threefry-2x32 with 20 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), in plain integers.

Word for word what jax's own generator computes, but the same whatever the process-wide settings of jax, and without
jax. Every function takes numpy arrays or jax arrays of uint32, which wrap around by themselves, or Python integers:
for a handful of keys Python's are ten times faster than arrays.
"""

import functools
from typing import Any, NamedTuple

import numpy as np

Words = Any  # uint32 arrays of one shape, or Python integers below 2^32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA
_MASK = 0xFFFFFFFF


class Key(NamedTuple):
    """A node of the key tree (core/prng.py): two words, or two arrays of them, one key per element."""

    first: Words
    second: Words


def threefry2x32(key: Key, counter: tuple[Words, Words]) -> tuple[Words, Words]:
    """The two words of a counter (two words) under a key; shapes broadcast."""
    if all(isinstance(word, int | np.ndarray | np.generic) for word in (*key, *counter)):
        return _mixed(key, counter)
    return _mixed_by_jax()(key, counter)


@functools.cache
def _mixed_by_jax():
    """Compiled on its own, so that its hundred operations are traced once and not wherever a search hashes."""
    import jax

    return jax.jit(_mixed)


def _mixed(key: Key, counter: tuple[Words, Words]) -> tuple[Words, Words]:
    schedule = (key.first, key.second, key.first ^ key.second ^ _PARITY)
    a, b = _wrap(counter[0] + schedule[0]), _wrap(counter[1] + schedule[1])
    for group in range(5):
        for distance in _ROTATIONS[group % 2]:
            a = _wrap(a + b)
            b = (_wrap(b << distance) | (b >> (32 - distance))) ^ a
        a = _wrap(a + schedule[(group + 1) % 3])
        b = _wrap(b + schedule[(group + 2) % 3] + (group + 1))
    return a, b


def _wrap(x: Words) -> Words:
    """Modulo 2^32, which arrays of uint32 are by themselves."""
    return x & _MASK if isinstance(x, int) else x


def child(key: Key, index: Words) -> Key:
    """One level down the key tree; the words of jax.random.fold_in(key, index)."""
    return Key(*threefry2x32(key, (index & 0, index)))


def seed_key(seed: int) -> Key:
    """The key of a seed below 2^32; the words of jax.random.key(seed)."""
    return Key(0, seed & _MASK)


class ChildChain:
    """`child` again and again of N keys, in place: in chains of thousands of steps, making arrays is the cost."""

    def __init__(self, key: Key):
        self._a, self._b = (np.array(word, np.uint32) for word in key)  # the key, then the words that are mixed
        self._schedule = np.empty((3, *self._a.shape), np.uint32)
        self._spare = np.empty_like(self._a)

    @property
    def key(self) -> Key:
        """The key now; the arrays change with the next step."""
        return Key(self._a, self._b)

    def step(self, index: np.ndarray) -> None:
        """To child(key, index), index uint32 [N]."""
        a, b, spare, schedule = self._a, self._b, self._spare, self._schedule
        schedule[0], schedule[1] = a, b
        np.bitwise_xor(a, b, out=spare)
        np.bitwise_xor(spare, np.uint32(_PARITY), out=schedule[2])
        b += index  # the counter is (0, index)
        for group in range(5):
            for distance in _ROTATIONS[group % 2]:
                a += b
                np.left_shift(b, distance, out=spare)
                np.right_shift(b, 32 - distance, out=b)
                b |= spare
                b ^= a
            a += schedule[(group + 1) % 3]
            b += schedule[(group + 2) % 3]
            b += group + 1

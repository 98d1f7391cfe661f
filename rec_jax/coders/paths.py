"""A path of indices hashed step by step: what makes every path of a search see candidates of its own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rec_jax.exact.threefry import ChildChain, Key, child

_FEW = 6  # so many paths are faster in Python's integers than as arrays


class Paths(NamedTuple):
    """N paths that are to be followed."""

    first: Key  # [N], of the empty path
    n_steps: Any  # int [N]
    indices: Any  # [N, T]; what lies beyond n_steps is not looked at


_PATHS = 1  # child of a block's key; 0 is what its candidates are drawn from


def first_path(key: Key, xp: Any) -> Key:
    """The key of a block's empty path."""
    return child(key, xp.uint32(_PATHS))


def follow_all(several: Sequence[Paths]) -> list[Key]:
    """`follow` of several sets at once under numpy: as many steps as the longest path has, whatever the number."""
    longest = max((paths.indices.shape[1] for paths in several), default=0)
    padded = [np.pad(paths.indices, ((0, 0), (0, longest - paths.indices.shape[1]))) for paths in several]
    words = zip(*(paths.first for paths in several), strict=True)
    first = Key(*(np.concatenate(word) for word in words))
    keys = follow(first, np.concatenate([paths.n_steps for paths in several]), np.concatenate(padded), np)
    ends = np.cumsum([len(paths.n_steps) for paths in several])[:-1]
    parts = zip(*(np.split(word, ends) for word in keys), strict=True)
    return [
        Key(*(word[:, : paths.indices.shape[1]] for word in part)) for part, paths in zip(parts, several, strict=True)
    ]


def follow(first: Key, n_steps: Any, indices: Any, xp: Any) -> Key:
    """The key of every path before each of its steps: first [N], n_steps [N], indices [N, T] to Key of uint32 [N, T].

    path_0 = first, path_(k + 1) = child(path_k, indices[k]). What lies beyond n_steps is 0.
    """
    if xp is np:
        return (_follow_few if len(n_steps) <= _FEW else _follow_many)(first, n_steps, indices)
    return _follow_jax(first, indices)


def _follow_few(first: Key, n_steps: np.ndarray, indices: np.ndarray) -> Key:
    words = np.zeros((2, *indices.shape), np.uint32)
    for i, (count, row) in enumerate(zip(n_steps.tolist(), indices.tolist(), strict=True)):
        path = Key(int(first.first[i]), int(first.second[i]))
        for k in range(count):
            words[0, i, k], words[1, i, k] = path
            path = child(path, row[k])
    return Key(*words)


def _follow_many(first: Key, n_steps: np.ndarray, indices: np.ndarray) -> Key:
    n_longest = int(n_steps.max(initial=0))
    words, chain = np.zeros((2, indices.shape[1], len(n_steps)), np.uint32), ChildChain(first)
    steps = np.ascontiguousarray(indices.T[:n_longest], np.uint32)
    for k in range(n_longest):
        words[0, k], words[1, k] = chain.key
        chain.step(steps[k])
    return Key(words[0].T, words[1].T)


def _follow_jax(first: Key, indices: Any) -> Key:
    import jax

    def step(path: Key, index: Any):
        return child(path, index), path

    return Key(*(word.T for word in jax.lax.scan(step, first, indices.T.astype("uint32"))[1]))

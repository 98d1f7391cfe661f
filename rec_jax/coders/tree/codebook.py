"""The tree coder's shared codebook: which sample a path of indices stands for.

Step k has a cyclic sequence g_k of F standard normals (one sequence per F dims, if its group of dims is wider), its own
or the one that all steps of its block share, which an encoder draws but once and so may be long. Its
codewords are the windows of that sequence: window n gives dim i of the group the value g_k[(n + i) mod F]. A path of
indices is hashed by threefry keys, and candidate m of a path is the window at its m-th hash, so that every path sees
candidates of its own although all of them are windows of one sequence, which an encoder can score with one FFT.

Random access: the value of one dim is a function of (key, whose sequence, place in it), and a window's place is one
of (key, path, candidate). Everything here is integers, normals in units of 2^-12.
"""

from typing import Any, NamedTuple

import numpy as np

from rec_jax.coders.tree.groups import group_of_dims
from rec_jax.exact.normals import normals
from rec_jax.exact.threefry import Key, child, threefry2x32

_SEQUENCES = 0  # child of a block's key; 1 is its paths' (paths.py)
_PART = 1 << 16  # steps are below it: the counter of a sequence is (part 2^16 + owner, half of the place)
_ALL_STEPS = 0  # the owner of a shared sequence; otherwise a step is


class Codebook(NamedTuple):
    """What the codebook of a block is like; both sides know it."""

    n_candidates: int  # M, of a path
    length: int  # F, of a sequence, a power of two
    shared: bool = False  # whether all steps of a block have one sequence


def windows_of(path: Key, codebook: Codebook, xp: Any) -> Any:
    """Where the candidates of paths [B] begin in their step's sequence: uint32 [M, B].

    A path's key is itself two hashed words: one is the first window, the other, made odd, the stride to the next.
    """
    return _window(path, xp.arange(codebook.n_candidates, dtype=xp.uint32)[:, None], codebook.length)


def _window(path: Key, candidate: Any, length: int) -> Any:
    return (path.first + candidate * (path.second | 1)) & (length - 1)


def sequence(key: Key, step: Any, part: Any, codebook: Codebook, xp: Any) -> Any:
    """The sequence of one step of one block for the part-th F dims of its group, int32 [F] in units of 2^-12."""
    owner, length = _ALL_STEPS if codebook.shared else step, codebook.length
    counter = (xp.asarray(part * _PART + owner).astype(xp.uint32), xp.arange(length // 2, dtype=xp.uint32))
    words = threefry2x32(child(key, xp.uint32(_SEQUENCES)), counter)
    if xp is not np:
        import jax

        words = jax.lax.optimization_barrier(words)
    return xp.stack([normals(word, xp) for word in words], axis=-1).reshape(length)


def replay(key: Key, paths: Key, n_steps: Any, indices: Any, weights: Any, codebook: Codebook, xp: Any) -> Any:
    """The decoder: the samples, int32 [N, d] in units of 2^-12, that n_steps indices of each of N blocks stand for.

    No steps: the first window for all dims.  key: [N].  paths: [N, max_steps], before each step.  indices:
    [N, max_steps], those beyond n_steps are not looked at.  weights: int32 [N, d], see groups.py.
    """
    length = codebook.length
    step = group_of_dims(weights, n_steps, codebook.n_candidates, length, xp)
    windows = _window(paths, indices.astype(xp.uint32), length)
    windows = xp.where(xp.arange(indices.shape[-1]) < n_steps[:, None], windows, 0)
    place = (xp.arange(step.shape[-1], dtype=xp.int32) - _run_starts(step, xp)).astype(xp.uint32)
    at = (xp.take_along_axis(windows, step, axis=-1) + place) & (length - 1)
    sequences = child(key, xp.uint32(_SEQUENCES))
    owner = xp.uint32(_ALL_STEPS) if codebook.shared else step.astype(xp.uint32)
    counter = ((place // length) * _PART + owner, at >> 1)
    words = threefry2x32(Key(sequences.first[:, None], sequences.second[:, None]), counter)
    return normals(xp.where((at & 1).astype(bool), words[1], words[0]), xp)


def _run_starts(step: Any, xp: Any) -> Any:
    """Where the run of equal numbers that each dim is in begins; step int32 [N, d], rising."""
    dims = xp.arange(step.shape[-1], dtype=xp.int32)
    first = xp.concatenate([xp.ones_like(step[:, :1], bool), step[:, 1:] != step[:, :-1]], axis=-1)
    begins = xp.where(first, dims, 0)
    if xp is np:
        return np.maximum.accumulate(begins, axis=-1)
    import jax

    return jax.lax.cummax(begins, axis=1)

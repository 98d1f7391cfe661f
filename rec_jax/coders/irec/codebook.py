"""iREC's shared codebook: candidates' magnitudes, and the signs under which each path sees them, in integers."""

from typing import Any

import numpy as np

from rec_jax.coders.irec.steps import step_scales
from rec_jax.exact.arithmetic import shift
from rec_jax.exact.normals import normals
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.exact.threefry import Key, child, threefry2x32

_MAGNITUDES = 0  # child of a block's key; 1 is its paths', which give the signs (paths.py)


def candidates(key: Key, step: Any, indices: Any, width: int, xp: Any) -> Any:
    """Standard normals [n, d] in units of 2^-12: the candidates of one block's step with these indices [n]."""
    step_key = child(child(key, xp.uint32(_MAGNITUDES)), xp.asarray(step).astype(xp.uint32))
    pairs = xp.arange(-(-width // 2), dtype=xp.uint32)
    words = threefry2x32(step_key, (indices.astype(xp.uint32)[:, None], pairs))
    return normals(_interleave(words, width, xp), xp)


def signs(paths: Key, width: int, xp: Any) -> Any:
    """The signs of each path [n], int32 +-1 [n, d]: dim i takes bit i mod 32 of word i / 32 of its path's."""
    n_words = -(-width // 32)
    pairs = xp.arange(-(-n_words // 2), dtype=xp.uint32)
    counter = (xp.ones_like(pairs), pairs)  # a path's children have 0 in the first place
    words = _interleave(threefry2x32(Key(paths.first[:, None], paths.second[:, None]), counter), n_words, xp)
    bits = (words[:, :, None] >> xp.arange(32, dtype=xp.uint32)) & 1
    return 2 * bits.reshape(len(words), -1)[:, :width].astype(xp.int32) - 1


def replay(key: Key, paths: Key, n_steps: np.ndarray, indices: np.ndarray, laws: np.ndarray, width: int) -> np.ndarray:
    """The decoder of N blocks: their samples, int64 [N, width] in units of 2^-12. No steps: the shared draw."""
    units = np.zeros((len(n_steps), width), np.int64)
    for i, count in enumerate(n_steps.tolist()):
        block = Key(key.first[i : i + 1], key.second[i : i + 1])
        if count <= 0:  # none, or a target that overflowed and will not be sent
            units[i] = candidates(block, 0, np.zeros(1, np.uint32), width, np)[0]
            continue
        flips = signs(Key(paths.first[i, :count], paths.second[i, :count]), width, np)
        steps = Key(block.first[:, None], block.second[:, None])
        drawn = _chosen(steps, indices[i, :count], width)
        scales = step_scales(count, laws[i])
        units[i] = shift((flips * drawn * scales[:, None]).sum(0), SCALE_BITS, np)
    return units


def _chosen(key: Key, indices: np.ndarray, width: int) -> np.ndarray:
    """The candidate of every step, [K, d]: `candidates` of all steps at once."""
    steps = np.arange(len(indices), dtype=np.uint32)[:, None]
    step_keys = child(child(key, np.uint32(_MAGNITUDES)), steps)
    words = threefry2x32(step_keys, (indices.astype(np.uint32)[:, None], np.arange(-(-width // 2), dtype=np.uint32)))
    return normals(_interleave(words, width, np), np).astype(np.int64)


def _interleave(words: tuple[Any, Any], n: int, xp: Any) -> Any:
    """Pairs of words [..., m] one after the other, the first n: [..., n]."""
    pairs = xp.stack(words, axis=-1)
    return pairs.reshape(*pairs.shape[:-2], -1)[..., :n]

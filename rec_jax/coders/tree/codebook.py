"""The tree coder's shared codebook: which sample a path of indices stands for.

Step k owns a cyclic sequence g_k of F standard normals (one sequence per F dims, if its group of dims is wider). Its
codewords are the windows of that sequence: window n gives dim i of the group the value g_k[(n + i) mod F]. A path of
indices is hashed by threefry keys, and candidate m of a path is the window at its m-th hash, so that every path sees
candidates of its own although all of them are windows of one sequence, which an encoder can score with one FFT.

Random access: the value of one dim is a function of (key, step, place in the sequence), and a window's place is one
of (key, path, candidate).
"""

import jax
import jax.numpy as jnp

from rec_jax.coders.tree.groups import make_groups
from rec_jax.core.prng import child_key

_SEQUENCES, _PATHS = range(2)  # children of a block's key
ROW = 16  # neighbouring normals of a sequence that are drawn from one key


def first_path(key: jax.Array) -> jax.Array:
    """The key of the empty path."""
    return child_key(key, _PATHS)


def windows_of(path: jax.Array, n_candidates: int, length: int) -> jax.Array:
    """Where the candidates of a path begin in its step's sequence, uint32 [M]; length is a power of two.

    A path's key is itself two hashed words: one is the first window, the other, made odd, the stride to the next.
    """
    first, stride = jax.random.key_data(path)
    return (first + jnp.arange(n_candidates, dtype=jnp.uint32) * (stride | 1)) & jnp.uint32(length - 1)


def sequence(key: jax.Array, step, part, length: int) -> jax.Array:
    """The sequence of one step for the part-th `length` dims of its group, [length]."""
    part_key = child_key(child_key(child_key(key, _SEQUENCES), step), part)
    return jax.vmap(lambda row: _row(part_key, row))(jnp.arange(length // ROW)).reshape(length)


def replay(
    key: jax.Array, n_steps, indices: jax.Array, weights: jax.Array, n_candidates: int, length: int
) -> jax.Array:
    """The decoder: the sample [D] that n_steps indices stand for; no steps: the first window for all dims.

    indices: [max_steps], those beyond n_steps are not looked at.  weights: [D], see groups.py.
    """

    def follow(step, state):
        path, windows = state
        window = windows_of(path, n_candidates, length)[indices[step]]
        return child_key(path, indices[step]), windows.at[step].set(window)

    windows = jnp.zeros(indices.shape, jnp.uint32)
    _, windows = jax.lax.fori_loop(0, n_steps, follow, (first_path(key), windows))
    groups = make_groups(weights, n_steps, indices.size, n_candidates, length)
    sequences = child_key(key, _SEQUENCES)

    def value(dim):
        step = groups.group_of[dim]
        place = dim - groups.starts[step]
        part_key = child_key(child_key(sequences, step), place // length)
        row, column = jnp.divmod((windows[step].astype(jnp.int32) + place) % length, ROW)
        return _row(part_key, row)[column]

    return jax.vmap(value)(jnp.arange(weights.size))


def _row(part_key, row):
    return jax.random.normal(child_key(part_key, row), (ROW,))

"""Cutting a call's dimensions into blocks, and running many blocks like with like.

The dims of a call are standardised by p (so that p is N(0, 1)), permuted by the shared key and cut into blocks of
equal size. Dims that only fill up the last block have q = p and carry nothing.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key

_PERMUTATION, _BLOCKS = range(2)  # children of a call's key


def block_shape(n_dims: int, block_size: int | None) -> tuple[int, int]:
    """(number of blocks, dims per block): as equal as they can be, none larger than block_size (None: one block)."""
    n_blocks = 1 if block_size is None else -(-n_dims // block_size)
    return n_blocks, -(-n_dims // n_blocks)


def permutation(key: jax.Array, n_dims: int) -> jax.Array:
    """The shared order of a call's dims, int32 [D]."""
    return jax.random.permutation(child_key(key, _PERMUTATION), n_dims)


def block_keys(key: jax.Array, n_blocks: int) -> jax.Array:
    """One key per block, [n_blocks]."""
    return jax.vmap(child_key, (None, 0))(child_key(key, _BLOCKS), jnp.arange(n_blocks))


def cut(values: jax.Array, order: jax.Array, shape: tuple[int, int], fill: float) -> jax.Array:
    """values [D] in the shared order, filled up and cut: [n_blocks, d]."""
    n_blocks, width = shape
    padded = jnp.pad(values[order], (0, n_blocks * width - order.size), constant_values=fill)
    return padded.reshape(shape)


def join(blocks: jax.Array, order: jax.Array) -> jax.Array:
    """Inverse of `cut`: [n_blocks, d] -> [D]."""
    return jnp.zeros(order.size, blocks.dtype).at[order].set(blocks.reshape(-1)[: order.size])


def cut_target(key: jax.Array, q: DiagGaussian, p: DiagGaussian, block_size: int | None) -> DiagGaussian:
    """The target q in p's coordinates, in blocks: loc and scale [n_blocks, d]."""
    order = permutation(key, p.loc.size)
    shape = block_shape(p.loc.size, block_size)
    loc, scale = (q.loc - p.loc) / p.scale, q.scale / p.scale
    return DiagGaussian(cut(loc, order, shape, 0.0), cut(scale, order, shape, 1.0))


def map_sorted(f: Callable, size: jax.Array, args, chunk: int, axis_name: str | None = None):
    """vmap(f) over tasks, in chunks of tasks of about the same `size`, so that a chunk's longest task wastes little.

    f(size, args) is one task, whose run time grows with its size (a loop of that many steps).
    size: int [N].  args and the result: pytrees with leading axis N.  axis_name: of the vmap, where f wants one.
    """
    n_tasks = size.shape[0]
    chunk = min(chunk, n_tasks)
    n_chunks = -(-n_tasks // chunk)
    order = jnp.argsort(-size)
    take = jnp.concatenate([order, jnp.broadcast_to(order[-1], (n_chunks * chunk - n_tasks,))])
    chunked = jax.tree.map(lambda x: x[take].reshape(n_chunks, chunk, *x.shape[1:]), (size, args))
    results = jax.lax.map(lambda x: jax.vmap(f, axis_name=axis_name)(*x), chunked)
    back = jnp.argsort(order)
    return jax.tree.map(lambda x: x.reshape(n_chunks * chunk, *x.shape[2:])[:n_tasks][back], results)

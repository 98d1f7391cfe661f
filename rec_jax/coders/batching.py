"""Calls in batches under jax: targets cut into blocks, and blocks of like length run together."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.coders.blocks import block_shape, cut
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.scope import search_jax


def cut_target(q: DiagGaussian, p: DiagGaussian, block_size: int | None) -> DiagGaussian:
    """The targets q [..., D] in p's coordinates, in blocks: loc and scale [..., n_blocks, d]."""
    shape = block_shape(p.loc.shape[-1], block_size)
    loc, scale = (q.loc - p.loc) / p.scale, q.scale / p.scale
    return DiagGaussian(cut(loc, shape, 0.0, jnp), cut(scale, shape, 1.0, jnp))


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


def merged(encode_calls: Callable) -> Callable:
    """encode_calls(keys [N], q [N, D], p [N, D], *shared [D] or [N, D]), whose vmap is one call of more rows.

    A search under vmap would run all its blocks at once, the longest deciding for all; as rows of one batch they are
    sorted by length and take a few blocks' memory.
    """
    call = jax.custom_batching.custom_vmap(encode_calls)

    @call.def_vmap
    def more_rows(axis_size: int, in_batched: Any, keys: Any, q: Any, p: Any, *shared: Any):
        def rows(x, batched):
            every = x if batched else jnp.broadcast_to(x, (axis_size, *x.shape))
            return every.reshape(-1, *every.shape[2:])

        def shared_rows(x, batched):
            if not batched and x.ndim == 1:
                return x
            n_calls = q.loc.shape[-2]
            return rows(x if x.ndim > batched + 1 else jnp.repeat(x[:, None], n_calls, axis=1), batched)

        with search_jax():
            calls = jax.tree.map(rows, (keys, q, p), tuple(in_batched[:3]))
            found = call(*calls, *jax.tree.map(shared_rows, shared, tuple(in_batched[3:])))
            found = jax.tree.map(lambda x: x.reshape(axis_size, -1, *x.shape[1:]), found)
        return found, jax.tree.map(lambda _: True, found)

    return call

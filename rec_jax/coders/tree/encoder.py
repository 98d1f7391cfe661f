"""The tree coder under jax: targets to codes, and codes to samples in floats."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import Info
from rec_jax.coders.batching import cut_target, map_sorted, merged
from rec_jax.coders.blocks import block_keys
from rec_jax.coders.tree.coder import TreeCode, TreeCoder
from rec_jax.coders.tree.recentre import WIDE, find_outliers, recentre
from rec_jax.coders.tree.search import search
from rec_jax.coders.tree.window_scores import BLOCKS
from rec_jax.core.gaussian import DiagGaussian, kl_nats, log_ratio
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.threefry import Key

PATHS_AT_ONCE = 16_384  # as many blocks as hold so many paths are searched together, at most BLOCKS_AT_ONCE
MOST_FAR = 0.125  # of a block's dims may be missed by some standard deviations; of a picture's, far fewer are
BLOCKS_AT_ONCE = 4  # more would waste steps on the longest of them


@functools.partial(jax.jit, static_argnums=0)
def encode_calls(coder: TreeCoder, keys: Key, q: DiagGaussian, p: DiagGaussian, shares) -> tuple[TreeCode, Info]:
    """Codes of N calls, keys [N], q and p [N, D]; shares int32 [D], [N, D] or None, as TreeCoder has them."""
    return merged(functools.partial(_encode_calls, coder))(keys, q, p, shares)


def _encode_calls(coder: TreeCoder, keys: Key, q: DiagGaussian, p: DiagGaussian, shares) -> tuple[TreeCode, Info]:
    outliers = jax.vmap(lambda q, p: find_outliers(q, p, coder.reach_nats))(q, p)
    target = cut_target(q, jax.vmap(recentre)(p, outliers), coder.block_size)  # [N, n_blocks, d]
    shape = target.loc.shape[:2]
    dim_kl = kl_nats(target, DiagGaussian(0.0, 1.0))
    block_kl = jnp.sum(dim_kl, axis=-1)
    overflow = is_refused(coder, dim_kl, block_kl, target.scale, jnp)
    n_steps = jnp.where(overflow, 0, choose_steps(coder, block_kl))
    dealt = jnp.broadcast_to(coder.block_shares(p.loc.shape[-1], shares, jnp), target.loc.shape)
    flat = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:]), (n_steps, (block_keys(keys, shape[1], jnp), target, dealt))
    )
    at_once = min(BLOCKS_AT_ONCE, max(1, PATHS_AT_ONCE // coder.n_beams))
    indices = map_sorted(functools.partial(_search, coder), *flat, chunk=at_once, axis_name=BLOCKS)
    code = TreeCode(jnp.where(overflow, -1, n_steps), indices.reshape(*shape, -1), outliers)
    ratio = jnp.sum(log_ratio(_decode_batch(coder, keys, p, code, shares), q, p), axis=-1)
    return code, Info(jnp.sum(kl_nats(q, p), axis=-1), ratio, overflow.any(1))


@functools.partial(jax.jit, static_argnums=0)
def decode_call(coder: TreeCoder, key: Key, p: DiagGaussian, code: TreeCode, shares) -> jax.Array:
    """z [D] of one call in floats: the numbers that TreeCoder's units and place round."""
    batch = jax.tree.map(lambda x: x[None], (key, p, code))
    return _decode_batch(coder, *batch, shares)[0]


def is_refused(coder: TreeCoder, dim_kl_nats: Any, block_kl_nats: Any, scale: Any, xp: Any) -> Any:
    """Whether blocks [.., n_blocks] have too much for one, or too many outliers for all to be moved; bool.

    dim_kl_nats, scale: of their dims in the outliers' and p's coordinates, [.., n_blocks, d].
    """
    far = xp.mean(dim_kl_nats > coder.reach_nats, axis=-1) > MOST_FAR
    wide = xp.any(scale > WIDE, axis=-1)
    return ~(block_kl_nats <= coder.max_nats) | far | wide  # true for NaN as well


def choose_steps(coder: TreeCoder, block_kl_nats: Any, xp: Any = jnp) -> Any:
    """The number of steps on offer that comes closest to rate * KL nats, by square roots; int32."""
    offered = np.array(coder.offered)
    roots = np.sqrt(offered)
    borders = xp.asarray(0.25 * (roots[1:] + roots[:-1]) ** 2 * coder.step_nats / coder.rate, xp.float32)
    return xp.asarray(offered, xp.int32)[xp.searchsorted(borders, block_kl_nats)]


def _decode_batch(coder: TreeCoder, keys: Key, p: DiagGaussian, code: TreeCode, shares) -> jax.Array:
    moved = jax.vmap(recentre)(p, code.outliers)
    unit = coder.units(keys, code, p.loc.shape[-1], shares, jnp)
    return moved.loc + moved.scale * (unit.astype(moved.loc.dtype) * 2.0**-FRACTION_BITS)


def _search(coder: TreeCoder, n_steps, block):
    return search(n_steps, *block, coder.max_steps, coder.n_beams, coder.codebook)

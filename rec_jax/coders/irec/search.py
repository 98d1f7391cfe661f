"""iREC under jax: the beam search, one block at a time, and the decoder in floats (beam_search.py has the method)."""

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders.base import Info
from rec_jax.coders.batching import cut_target, map_sorted, merged
from rec_jax.coders.blocks import block_keys, block_shape, join
from rec_jax.coders.irec.beam_search import BeamSearchCoder
from rec_jax.coders.irec.codebook import candidates, signs
from rec_jax.coders.irec.even_steps import even_steps
from rec_jax.coders.irec.variance_schedule import choose_law, law_share, power_share
from rec_jax.coders.keys import at
from rec_jax.coders.paths import first_path
from rec_jax.coders.step_codes import StepCode
from rec_jax.core.gaussian import DiagGaussian, kl_nats
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.threefry import Key, child

BLOCKS_AT_ONCE = 8  # blocks searched together; larger wastes steps on the longest of them
_MIN_VARIANCE = 1e-20  # so that a target of scale 0, in float32, still has finite scores


class _Search(NamedTuple):
    """State of one block's beam search after `step` steps."""

    step: jax.Array  # int32 []
    left: jax.Array  # variance not yet spent, 1 - c; carried because it must end at exactly 0
    sums: jax.Array  # partial sums b, [B, d]
    paths: Key  # hash of each beam's history, [B]
    alive: jax.Array  # bool [B]
    indices: jax.Array  # uint32 [B, max_steps]


@functools.partial(jax.jit, static_argnums=0)
def encode_calls(coder: BeamSearchCoder, keys: Key, q: DiagGaussian, p: DiagGaussian) -> tuple[StepCode, Info]:
    """Codes of N calls, keys [N], q and p [N, D], all blocks sorted by length."""
    return merged(functools.partial(_encode_calls, coder))(keys, q, p)


def _encode_calls(coder: BeamSearchCoder, keys: Key, q: DiagGaussian, p: DiagGaussian) -> tuple[StepCode, Info]:
    target = cut_target(q, p, coder.block_size)  # [N, n_blocks, d]
    shape = target.loc.shape[:2]
    block_kl = jnp.sum(kl_nats(target, DiagGaussian(0.0, 1.0)), axis=-1)
    overflow = ~(block_kl <= coder.max_nats)  # true for NaN as well
    n_steps = jnp.where(overflow, 0, choose_steps(coder, target, block_kl))
    law = jax.lax.map(choose_law, target) if coder.schedule == "matched" else None  # [N]
    block_law = jnp.broadcast_to(0 if law is None else law[:, None], shape)
    flat = jax.tree.map(
        lambda x: x.reshape(-1, *x.shape[2:]),
        (n_steps, (block_keys(keys, shape[1], jnp), target, block_law)),
    )
    indices, log_ratio = map_sorted(functools.partial(_search, coder), *flat, chunk=BLOCKS_AT_ONCE)
    code = StepCode(jnp.where(overflow, -1, n_steps), indices.reshape(*shape, -1), law)
    info = Info(block_kl.sum(1), log_ratio.reshape(shape).sum(1), overflow.any(1))
    return code, info


@functools.partial(jax.jit, static_argnums=0)
def decode_call(coder: BeamSearchCoder, key: Key, p: DiagGaussian, code: StepCode) -> jax.Array:
    """z [D] of one call in floats: the numbers that BeamSearchCoder's units and place round."""
    n_dims = p.loc.size
    n_blocks, width = block_shape(n_dims, coder.block_size)
    draw = functools.partial(_replay, coder, width=width)
    blocks = jax.vmap(lambda k, n, i: draw(k, n, code.choice, i))(
        block_keys(key, n_blocks, jnp), code.n_steps, code.indices
    )
    return p.loc + p.scale * join(blocks, n_dims)


def choose_steps(coder: BeamSearchCoder, target: DiagGaussian, block_kl_nats: jax.Array) -> jax.Array:
    """K of every block, int32 [N, n_blocks]; target [N, n_blocks, d] of that KL.

    Without a rate ceil(KL / omega), but 0 below half a step.
    """
    kl = jnp.minimum(block_kl_nats, coder.max_nats)
    if coder.rate is None:
        return jnp.where(kl < 0.5 * coder.omega, 0, jnp.ceil(kl / coder.omega)).astype(jnp.int32)
    steps = jax.vmap(lambda t, w: even_steps(t, w, math.log(coder.n_candidates)))(target, coder.rate * kl)
    return jnp.minimum(steps, coder.max_steps)


def _search(coder: BeamSearchCoder, n_steps, args):
    """Beam search for one block; returns (indices [max_steps], log q/p of the result in nats)."""
    key, target, law = args
    start = _Search(
        step=jnp.int32(0),
        left=jnp.float32(1.0),
        sums=jnp.zeros((coder.n_beams, target.loc.size)),
        paths=Key(*(jnp.broadcast_to(word, (coder.n_beams,)) for word in first_path(key, jnp))),
        alive=jnp.arange(coder.n_beams) == 0,
        indices=jnp.zeros((coder.n_beams, coder.max_steps), jnp.uint32),
    )
    end = jax.lax.while_loop(
        lambda s: s.step < n_steps,
        lambda s: _extend(coder, key, target, n_steps, law, s),
        start,
    )
    z = jnp.where(n_steps == 0, _normal(candidates(key, 0, jnp.zeros(1, int), target.loc.size, jnp))[0], end.sums[0])
    log_ratio = -jnp.log(target.scale) - 0.5 * ((z - target.loc) / target.scale) ** 2 + 0.5 * z**2
    return end.indices[0], jnp.sum(log_ratio)


def _extend(coder: BeamSearchCoder, key, target: DiagGaussian, n_steps, law, s: _Search) -> _Search:
    """One step: score all B M continuations, keep the best B, best first."""
    step_var = s.left * _share(coder, law, n_steps, s.step)
    left = s.left - step_var
    width = target.loc.size
    drawn = _normal(candidates(key, s.step, jnp.arange(coder.n_candidates), width, jnp))
    magnitudes = jnp.sqrt(step_var) * drawn  # [M, d]
    flips = signs(s.paths, width, jnp).astype(jnp.float32)  # [B, d]
    precision, linear, constant = log_ratio_coefficients(target, left)
    base = s.sums**2 @ precision + s.sums @ linear + constant  # [B]
    cross = (2.0 * precision * s.sums + linear) * flips  # [B, d]
    scores = base[:, None] + cross @ magnitudes.T + magnitudes**2 @ precision
    scores = jnp.where(s.alive[:, None], scores, -jnp.inf)
    best, flat = jax.lax.top_k(scores.reshape(-1), coder.n_beams)
    beam, index = flat // coder.n_candidates, (flat % coder.n_candidates).astype(jnp.uint32)
    return _Search(
        step=s.step + 1,
        left=left,
        sums=s.sums[beam] + flips[beam] * magnitudes[index],
        paths=child(at(s.paths, beam), index),
        alive=best > -jnp.inf,
        indices=s.indices[beam].at[:, s.step].set(index),
    )


def _replay(coder: BeamSearchCoder, key: Key, n_steps, law, indices, width: int):
    """The decoder in floats: the chosen candidate of each step and nothing else; [d]. No steps: the shared draw."""

    def step(k, state):
        left, total, path = state
        step_var = left * _share(coder, law, n_steps, k)
        drawn = _normal(candidates(key, k, indices[k][None], width, jnp))[0]
        flips = signs(Key(*(word[None] for word in path)), width, jnp)[0]
        total = total + flips.astype(jnp.float32) * jnp.sqrt(step_var) * drawn
        return left - step_var, total, child(path, indices[k])

    start = (jnp.float32(1.0), jnp.zeros(width), first_path(key, jnp))
    _, total, _ = jax.lax.fori_loop(0, n_steps, step, start)
    return jnp.where(n_steps > 0, total, _normal(candidates(key, 0, jnp.zeros(1, int), width, jnp))[0])


def _share(coder: BeamSearchCoder, law, n_steps, step):
    """The part of the remaining variance that a step takes."""
    return power_share(n_steps, step) if coder.schedule == "power" else law_share(law, n_steps, step)


def log_ratio_coefficients(target: DiagGaussian, left):
    """log q(b) / p(b) = sum_d precision b^2 + linear b + constant: the score of a beam with partial sum b.

    p(b) = N(0, c), q(b) = N(c mu, v) with v = c^2 rho^2 + c (1 - c), per dim; target in p's coordinates, [d].
    left: 1 - c, which c in float32 could not give for a v near 0.  Returns (precision [d], linear [d], constant []).
    """
    c = 1.0 - left
    v = jnp.maximum(c * (c * target.scale**2 + left), _MIN_VARIANCE)
    loc = c * target.loc
    constant = jnp.sum(-0.5 * jnp.log(v / c) - 0.5 * loc**2 / v)
    return 0.5 * (1.0 / c - 1.0 / v), loc / v, constant


def _normal(units: jax.Array) -> jax.Array:
    return units.astype(jnp.float32) * 2.0**-FRACTION_BITS

"""iREC: index coding with auxiliary variables and a beam search (Flamich, Havasi, Hernandez-Lobato, NeurIPS 2020).

In p's coordinates (p = N(0, 1), q = N(mu, rho^2) per dim) a block of KL nats is sent in K = ceil(KL / omega) steps:

    u = a_1 + ... + a_K,    a_k ~ N(0, s_k^2) a priori,    sum_k s_k^2 = 1

Step k chooses one of M = floor(exp(omega (1 + epsilon))) candidates for a_k. With c the variance spent so far and b
the partial sum, p(b) = N(0, c) and q(b) = N(c mu, c^2 rho^2 + c (1 - c)); a beam's score is log q(b) - log p(b)
summed over dims. Each of the B beams draws its own candidates, the best B of the B M survive, and in the end the
best one is sent: K and K indices. B = 1 is the greedy coder.

Candidates: all beams share the magnitudes of step k and flip their signs by a hash of their own index history, which
makes candidates as different as fresh draws for a hundredth of the time: the scores of B beams against M candidates
are one matrix product.

Domain: any D; cost O(K B M d) per block of d dims. Approximate: z follows q as the candidates and B grow. Best where
a block holds 50 nats or more over many dims. A lone dim of hundreds of nats arrives short, since all beams share its
magnitudes: a mean 50 sigmas away comes 6 sigmas too near at rate 1.1. Dims sharper than rho = 0.01 need the matched
schedule. Measurements and what each option buys: docs/beam_search.md.
Differs from the paper: blocks that hold less than half a step (KL < omega / 2) send none; K is coded by a learned
model (step_counts.py), where the paper's program writes 16 bits. Only as options: a law of variances matched to the
target (variance_schedule.py), and equal numbers of steps for the blocks of a call (even_steps.py).
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import Info, raise_on_overflow
from rec_jax.coders.blocks import block_keys, block_shape, cut_target, join, map_sorted, permutation
from rec_jax.coders.irec.even_steps import even_steps
from rec_jax.coders.irec.variance_schedule import LawModel, choose_law, law_share, power_share
from rec_jax.coders.step_codes import StepCode, StepCoder
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian, kl_nats
from rec_jax.core.prng import child_key
from rec_jax.entropy.tables import TOTAL, Table

BLOCKS_AT_ONCE = 8  # blocks searched together; larger wastes steps on the longest of them
_MIN_VARIANCE = 1e-20  # so that a target of scale 0, in float32, still has finite scores
_FREE_COUNTS, _EVEN_COUNTS = StepCountModel(), StepCountModel(next_decay=64)  # where nothing was learned
_MAGNITUDES, _SIGNS = range(2)  # children of a block's key


class _Search(NamedTuple):
    """State of one block's beam search after `step` steps."""

    step: jax.Array  # int32 []
    left: jax.Array  # variance not yet spent, 1 - c; carried because it must end at exactly 0
    sums: jax.Array  # partial sums b, [B, d]
    paths: jax.Array  # hash of each beam's history, keys [B]
    alive: jax.Array  # bool [B]
    indices: jax.Array  # uint32 [B, max_steps]


@dataclass(frozen=True)
class BeamSearchCoder(StepCoder):
    """See the module's docstring.

    omega: nats per step.  epsilon: extra candidates, exp(omega * epsilon) times as many.  n_beams: B.
    block_size: largest number of dims coded together (None: a call is one block).
    max_nats: largest KL of a block; with omega it fixes the padded length of the code.
    step_counts: how the numbers of steps are coded; None: by a table that suits most.
    schedule: "power", the paper's law of variances, or "matched", a law that the encoder picks (variance_schedule.py).
    rate: None: K = ceil(KL / omega), as in the paper; else nats sent per nat of KL, with the same K for all blocks of
    a call as far as that loses little (even_steps.py), so that K costs next to nothing once it is learned.
    laws: how the law of "matched" is coded.
    """

    omega: float = 3.0
    epsilon: float = 0.2
    n_beams: int = 20
    block_size: int | None = 1000
    max_nats: float = 2048.0
    step_counts: StepCountModel | None = None
    schedule: str = "power"
    rate: float | None = None
    laws: LawModel = LawModel()

    def __post_init__(self):
        fits = math.log(2.0) <= self.omega * (1.0 + self.epsilon) <= math.log(TOTAL)
        if not (self.omega > 0 and fits and self.n_beams >= 1 and self.omega <= self.max_nats < math.inf):
            raise ConfigError(
                f"coder.omega={self.omega}, epsilon={self.epsilon}, n_beams={self.n_beams}, max_nats={self.max_nats}: "
                "need omega > 0, exp(omega (1 + epsilon)) from 2 to 2^24, n_beams >= 1 and a finite max_nats >= omega"
            )
        if self.block_size is not None and self.block_size < 1:
            raise ConfigError(f"coder.block_size={self.block_size}: at least 1, or None for one block")
        if self.schedule not in ("power", "matched"):
            raise ConfigError(f"coder.schedule={self.schedule!r}: power or matched")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ConfigError(
                f"coder.rate={self.rate}: must be positive and finite, or None for ceil(KL / omega) steps"
            )

    @property
    def n_candidates(self) -> int:
        """M, the size of the index alphabet."""
        return math.floor(math.exp(self.omega * (1.0 + self.epsilon)))

    @property
    def max_steps(self) -> int:
        """Static length of a block's indices."""
        if self.rate is None:
            return math.ceil(self.max_nats / self.omega)
        return math.ceil(self.max_nats * self.rate / math.log(self.n_candidates))

    @property
    def offered(self) -> range:
        """A block may take any number of steps."""
        return range(self.max_steps + 1)

    def count_table(self, before: np.ndarray) -> Table:
        untaught = _FREE_COUNTS if self.rate is None else _EVEN_COUNTS
        return (self.step_counts or untaught).table(before, self.max_steps)

    def choice_table(self) -> Table | None:
        return self.laws.table() if self.schedule == "matched" else None

    # ---- protocol: see base.Coder ------------------------------------------------------------------------------

    def encode(self, key, q, p):
        code, info = self.encode_batch(key[None], *jax.tree.map(lambda x: x[None], (q, p)))
        raise_on_overflow(info.overflow, self.max_nats)
        return jax.tree.map(lambda x: x[0], (code, info))

    @functools.partial(jax.jit, static_argnums=0)
    def encode_batch(self, keys, q, p):
        """`encode` of N calls at once, keys [N], q and p [N, D]: what vmap gives, with all blocks sorted by length."""
        target = jax.vmap(lambda k, q, p: cut_target(k, q, p, self.block_size))(keys, q, p)  # [N, n_blocks, d]
        shape = target.loc.shape[:2]
        block_kl = jnp.sum(kl_nats(target, DiagGaussian(0.0, 1.0)), axis=-1)
        overflow = ~(block_kl <= self.max_nats)  # true for NaN as well
        n_steps = jnp.where(overflow, 0, self.choose_steps(target, block_kl))
        law = jax.lax.map(choose_law, target) if self.schedule == "matched" else None  # [N]
        block_law = jnp.broadcast_to(0 if law is None else law[:, None], shape)
        flat = jax.tree.map(
            lambda x: x.reshape(-1, *x.shape[2:]),
            (n_steps, (jax.vmap(lambda k: block_keys(k, shape[1]))(keys), target, block_law)),
        )
        indices, log_ratio = map_sorted(self._search, *flat, chunk=BLOCKS_AT_ONCE)
        code = StepCode(jnp.where(overflow, -1, n_steps), indices.reshape(*shape, -1), law)
        info = Info(block_kl.sum(1), log_ratio.reshape(shape).sum(1), overflow.any(1))
        return code, info

    @functools.partial(jax.jit, static_argnums=0)
    def decode(self, key, p, code):
        shape = block_shape(p.loc.size, self.block_size)
        order = permutation(key, p.loc.size)
        blocks = jax.vmap(lambda k, n, i: self._replay(k, n, code.choice, i, shape[1]))(
            block_keys(key, shape[0]), code.n_steps, code.indices
        )
        return p.loc + p.scale * join(blocks, order)

    # ---- the algorithm, one block at a time ----------------------------------------------------------------------

    def choose_steps(self, target: DiagGaussian, block_kl_nats: jax.Array) -> jax.Array:
        """K of every block, int32 [N, n_blocks]; target [N, n_blocks, d] of that KL.

        Without a rate ceil(KL / omega), but 0 below half a step.
        """
        kl = jnp.minimum(block_kl_nats, self.max_nats)
        if self.rate is None:
            return jnp.where(kl < 0.5 * self.omega, 0, jnp.ceil(kl / self.omega)).astype(jnp.int32)
        steps = jax.vmap(lambda t, w: even_steps(t, w, math.log(self.n_candidates)))(target, self.rate * kl)
        return jnp.minimum(steps, self.max_steps)

    def _search(self, n_steps, args):
        """Beam search for one block; returns (indices [max_steps], log q/p of the result in nats)."""
        key, target, law = args
        start = _Search(
            step=jnp.int32(0),
            left=jnp.float32(1.0),
            sums=jnp.zeros((self.n_beams, target.loc.size)),
            paths=jnp.broadcast_to(child_key(key, _SIGNS), (self.n_beams,)),
            alive=jnp.arange(self.n_beams) == 0,
            indices=jnp.zeros((self.n_beams, self.max_steps), jnp.uint32),
        )
        end = jax.lax.while_loop(
            lambda s: s.step < n_steps,
            lambda s: self._extend(child_key(key, _MAGNITUDES), target, n_steps, law, s),
            start,
        )
        z = jnp.where(n_steps == 0, self._replay(key, 0, law, end.indices[0], target.loc.size), end.sums[0])
        log_ratio = -jnp.log(target.scale) - 0.5 * ((z - target.loc) / target.scale) ** 2 + 0.5 * z**2
        return end.indices[0], jnp.sum(log_ratio)

    def _extend(self, key, target: DiagGaussian, n_steps, law, s: _Search) -> _Search:
        """One step: score all B M continuations, keep the best B, best first."""
        step_var = s.left * self._share(law, n_steps, s.step)
        left = s.left - step_var
        magnitudes = jnp.sqrt(step_var) * self._candidates(key, s.step, target.loc.size)  # [M, d]
        signs = _signs(s.paths, target.loc.size)  # [B, d]
        precision, linear, constant = log_ratio_coefficients(target, left)
        base = s.sums**2 @ precision + s.sums @ linear + constant  # [B]
        cross = (2.0 * precision * s.sums + linear) * signs  # [B, d]
        scores = base[:, None] + cross @ magnitudes.T + magnitudes**2 @ precision
        scores = jnp.where(s.alive[:, None], scores, -jnp.inf)
        best, flat = jax.lax.top_k(scores.reshape(-1), self.n_beams)
        beam, index = flat // self.n_candidates, (flat % self.n_candidates).astype(jnp.uint32)
        return _Search(
            step=s.step + 1,
            left=left,
            sums=s.sums[beam] + signs[beam] * magnitudes[index],
            paths=jax.vmap(child_key)(s.paths[beam], index),
            alive=best > -jnp.inf,
            indices=s.indices[beam].at[:, s.step].set(index),
        )

    def _replay(self, key, n_steps, law, indices, width: int):
        """The decoder: draws the chosen candidate of each step and nothing else; [d]. No steps: the shared draw."""

        def step(k, state):
            left, total, path = state
            step_var = left * self._share(law, n_steps, k)
            candidate = _candidate(child_key(key, _MAGNITUDES), k, indices[k], width)
            total = total + _signs(path[None], width)[0] * jnp.sqrt(step_var) * candidate
            return left - step_var, total, child_key(path, indices[k])

        start = (jnp.float32(1.0), jnp.zeros(width), child_key(key, _SIGNS))
        _, total, _ = jax.lax.fori_loop(0, n_steps, step, start)
        return jnp.where(n_steps > 0, total, _candidate(child_key(key, _MAGNITUDES), 0, 0, width))

    def _share(self, law, n_steps, step):
        """The part of the remaining variance that a step takes."""
        return power_share(n_steps, step) if self.schedule == "power" else law_share(law, n_steps, step)

    def _candidates(self, key, step, width: int):
        """All M candidates' magnitudes of a step, standard normal, [M, d]."""
        return jax.vmap(lambda i: _candidate(key, step, i, width))(jnp.arange(self.n_candidates))


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


def _candidate(key, step, index, width: int):
    """Candidate `index` of a step, by itself: what random access in the decoder rests on; [d]."""
    return jax.random.normal(child_key(child_key(key, step), index), (width,))


def _signs(paths, width: int):
    """Random signs of each path, +-1, [B, d]: one threefry bit per dim."""
    words = jax.vmap(lambda path: jax.random.bits(path, (-(-width // 32),), jnp.uint32))(paths)  # [B, d / 32]
    bits = (words[:, :, None] >> jnp.arange(32, dtype=jnp.uint32)) & 1
    return 2.0 * bits.reshape(len(words), -1)[:, :width].astype(jnp.float32) - 1.0

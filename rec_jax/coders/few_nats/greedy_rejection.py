"""Greedy rejection sampling (Harsha, Jain, McAllester, Radhakrishnan 2010), for densities: exact, one dim.

Candidates z_1, z_2, ... ~ p are looked at one by one. With L_1 = 0 and S_k = integral of (q - L_k p)+, the mass of q
that steps 1 .. k - 1 left over, candidate k is accepted with probability min(1, (q(z_k)/p(z_k) - L_k)+ / S_k), as
much as q allows; then L_{k+1} = L_k + S_k. What is accepted follows q exactly (Flamich and Theis 2023, "Adaptive
greedy rejection sampling", Alg. 1 with a fixed proposal). k is sent under a Zipf code: exactly table(e) + e bits for
k = 2^e + mantissa (one_index.py). For Gaussians the level sets of q/p are intervals and S_k is an integral without
cancellation (density_ratio.py); L is summed in two floats, because its steps become small beside it.

Domain: one dim (vmap for more), q narrower than p (or equal), D_inf at most `max_nats`, at most 10 nats. Expected
number of candidates exp(D_inf), one after the other; more than 64 times the bound overflows. It spends as
many bits as `poisson` and looks at one candidate at a time: use it as a reference. The forms that split the line and
need O(KL) candidates are in greedy_splitting.py; make_coder picks them by the option `split`.
"""

import functools
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.coders import draws
from rec_jax.coders.base import Info
from rec_jax.coders.density_ratio import left_over, max_log_ratio, one_dim, peak
from rec_jax.coders.few_nats.candidates import candidate
from rec_jax.coders.few_nats.poisson import PoissonCoder
from rec_jax.coders.one_index import zipf_code
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import kl_nats, standardise

_CHANCE = 1 << 24  # child of the key, behind all candidates: what the sender alone draws


class _Search(NamedTuple):
    index: jax.Array  # int32 []: of the next candidate
    level: jax.Array  # L
    rest: jax.Array  # what `level` has lost by rounding
    ratio: jax.Array  # log q/p of the last candidate
    done: jax.Array  # bool []


@dataclass(frozen=True)
class GreedyRejectionCoder(PoissonCoder):
    """See the module's docstring; the options are those of PoissonCoder. split: None; else see GreedySplittingCoder."""

    split: None = None

    def __post_init__(self):
        super().__post_init__()
        if self.split is not None:
            raise ConfigError(f"coder.split={self.split!r}: None here, GreedySplittingCoder has dyadic and sample")

    def search(self, key, ratio_of, kl_nats, bound):
        raise ConfigError("greedy_rejection integrates q/p, so it needs Gaussians; poisson takes a log_ratio")

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, key, q, p):
        p_one = one_dim(p)
        target = peak(standardise(one_dim(q), p_one))
        outside = ~(max_log_ratio(target.target) <= self.max_nats)
        limit = jnp.where(outside, 0, 1 << self.max_exponent)

        def look(s: _Search) -> _Search:
            omega = jnp.sqrt(jnp.maximum(2.0 * (target.bound - jnp.log(s.level)), 0.0))  # inf at first
            left = jnp.where(s.index == 0, 1.0, left_over(target, omega))
            z = (candidate(key, p, s.index)[0] - p_one.loc) / p_one.scale
            ratio = target.log_ratio(z)
            chance = draws.uniform(draws.child(draws.child(key, _CHANCE), s.index))
            above = s.level * jnp.expm1(0.5 * (omega**2 - target.tau(z) ** 2))  # q/p - L, sharing S's rounding of L
            done = chance * left < jnp.where(s.index == 0, jnp.exp(ratio), above)
            step = left + s.rest
            level = s.level + step
            return _Search(s.index + 1, level, step - (level - s.level), ratio, done)

        none = jnp.float32(0.0)
        start = _Search(jnp.int32(0), none, none, none, jnp.bool_(False))
        end = jax.lax.while_loop(lambda s: ~s.done & (s.index < limit), look, start)
        overflow = outside | ~end.done
        return zipf_code(end.index - 1, overflow), Info(jnp.sum(kl_nats(q, p)), end.ratio, overflow)

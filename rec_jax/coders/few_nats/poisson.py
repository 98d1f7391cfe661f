"""Poisson functional representation (Li and El Gamal 2018, IEEE Trans. Inf. Theory 64(11)): exact, any D.

z_1, z_2, ... ~ p arrive at the times T_1 < T_2 < ... of a Poisson process of rate 1. The i that minimises
T_i p(z_i) / q(z_i) has z_i ~ q exactly; it is A* sampling with one global bound (Maddison, Tarlow, Minka 2014). Its
index has E log2(index) <= KL + 1 bits and is sent under a Zipf code, a power law whose exponent follows from the
shared `expected_kl_nats`: exactly table(e) + e bits for index + 1 = 2^e + mantissa (one_index.py).

Domain: q narrower than p in every dim (or equal), with D_inf = max log q/p <= max_nats, at most 10 nats:
D_inf = sum over dims of -log rho + mu^2 / (2 (1 - rho^2)) in p's coordinates. Expected number of candidates exp(D_inf);
a search beyond 64 times the bound, of probability exp(-64), overflows. Use it for exact samples of a few nats.
"""

import functools
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from rec_jax.coders.base import Info
from rec_jax.coders.density_ratio import max_log_ratio
from rec_jax.coders.few_nats.arrivals import first_arrival
from rec_jax.coders.few_nats.candidates import candidate, gaussian_ratios
from rec_jax.coders.few_nats.ratio_calls import RatioCoder
from rec_jax.coders.one_index import check_bound, zipf_code, zipf_index, zipf_table
from rec_jax.core.gaussian import kl_nats, standardise
from rec_jax.core.units import nats_to_bits

MAX_NATS = 10.0


@dataclass(frozen=True)
class PoissonCoder(RatioCoder):
    """See the module's docstring. expected_kl_nats: shared guess of the KL; a wrong one costs bits, never exactness."""

    expected_kl_nats: float = 6.0
    max_nats: float = MAX_NATS

    def __post_init__(self):
        check_bound(self.max_nats, self.expected_kl_nats, MAX_NATS)

    @property
    def domain(self) -> str:
        """What `encode` says of a target that it cannot hold."""
        return (
            f"more than max_nats={self.max_nats:g} nats of log q/p somewhere, or wider than p: use smaller blocks, or "
            "a coder that needs no bound (ordered, beam_search)"
        )

    @property
    def max_exponent(self) -> int:
        """2^max_exponent candidates at most: 64 times exp(max_nats)."""
        return math.ceil(nats_to_bits(self.max_nats)) + 6

    def exponent_table(self):
        """The Zipf code's table."""
        return zipf_table(self.expected_kl_nats, self.max_exponent + 1)

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, key, q, p):
        bound = jnp.sum(max_log_ratio(standardise(q, p)))
        return self.search(key, gaussian_ratios(key, q, p), jnp.sum(kl_nats(q, p)), bound)

    def search(self, key, ratio_of, kl_nats, bound):
        outside = ~(bound <= self.max_nats)
        n_candidates = jnp.where(outside, 0, 1 << self.max_exponent)
        found = first_arrival(key, ratio_of, n_candidates, bound, ordered=False)
        overflow = outside | ~found.certain
        return zipf_code(found.index, overflow), Info(kl_nats, found.log_ratio, overflow)

    def index_of(self, code):
        return zipf_index(code)

    @functools.partial(jax.jit, static_argnums=0)
    def decode_call(self, key, p, code):
        return candidate(key, p, zipf_index(code))

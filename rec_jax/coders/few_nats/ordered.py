"""Ordered random coding (Theis and Yosri 2022, "Algorithms for the communication of samples", ICML): any D.

As in minimal random coding the sender picks one of N candidates z_i ~ p with probability proportional to q(z_i)/p(z_i)
by the exponential race argmin E_i p(z_i)/q(z_i). The exponentials are given to the candidates in ascending order, so
that small indices win more often. The distribution of z is that of minimal random coding with sampled selection, but
the index costs KL + log2(KL + 1) + O(1) bits under a Zipf code instead of log2 N, whatever N is: extra candidates cost
time and no rate. N = 2^e, e = ceil(log2 exp(KL (1 + epsilon) + extra_nats)), need not be sent. The bits are exactly
table(e) + e for index + 1 = 2^e + mantissa (one_index.py).

Domain: any D, KL of at most `max_nats`, q of any shape. Cost O(D exp(KL)), less where q/p is bounded: the search ends
once no later candidate can win. The bias falls as epsilon and extra_nats grow. Use it instead of `index`.
"""

import functools
from dataclasses import dataclass

import jax
import jax.numpy as jnp

from rec_jax.coders.base import Info
from rec_jax.coders.density_ratio import max_log_ratio
from rec_jax.coders.few_nats.arrivals import first_arrival
from rec_jax.coders.few_nats.candidates import CandidatesCoder, candidate, gaussian_ratios
from rec_jax.coders.one_index import zipf_code, zipf_index, zipf_table
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import kl_nats, standardise


@dataclass(frozen=True)
class OrderedCoder(CandidatesCoder):
    """See the module's docstring. expected_kl_nats: shared guess of the KL; a wrong one costs bits."""

    epsilon: float = 0.1
    extra_nats: float = 3.0
    max_nats: float = 12.0
    expected_kl_nats: float = 6.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.expected_kl_nats <= self.max_nats:
            raise ConfigError(f"coder.expected_kl_nats={self.expected_kl_nats}: need 0 to max_nats={self.max_nats}")

    def exponent_table(self):
        """The Zipf code's table."""
        return zipf_table(self.expected_kl_nats, self.max_exponent + 1)

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, key, q, p):
        bound = jnp.sum(max_log_ratio(standardise(q, p)))
        return self.search(key, gaussian_ratios(key, q, p), jnp.sum(kl_nats(q, p)), bound)

    def search(self, key, ratio_of, kl_nats, bound):
        exponent, overflow = self._exponent(kl_nats, self.extra_nats)
        found = first_arrival(key, ratio_of, jnp.left_shift(jnp.int32(1), exponent), bound, ordered=True)
        return zipf_code(found.index, overflow), Info(kl_nats, found.log_ratio, overflow)

    def index_of(self, code):
        return zipf_index(code)

    @functools.partial(jax.jit, static_argnums=0)
    def decode_call(self, key, p, code):
        return candidate(key, p, zipf_index(code))

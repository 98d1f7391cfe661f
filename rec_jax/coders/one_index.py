"""Codes that are one integer, as an exponent under a static table and that many fair bits.

An index known to be below 2^e is sent as e and e bits. An index that may be of any size is sent as n = index + 1 =
2^e + mantissa: e under `exponent_table`, the mantissa in e bits. With a geometric table for e the probability of n
falls like a power of n: the Zipf code of Li and El Gamal 2018 in integer arithmetic, at most 0.06 bits longer.
"""

import abc
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import ReadSymbols
from rec_jax.coders.one_shot import OneShotCoder
from rec_jax.core.errors import ConfigError
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.tables import PRECISION, Table, UniformTable, two_sided_geometric


class IndexCode(NamedTuple):
    """An integer below 2^exponent."""

    exponent: Any  # int32 []; -1 marks an overflow
    index: Any  # uint32 []


class OneIndexCoder(OneShotCoder):
    """The part of the protocol that all coders of one IndexCode share; a coder adds what is abstract here."""

    code_type = IndexCode

    @abc.abstractmethod
    def exponent_table(self) -> Table:
        """The static table of the exponent."""

    def symbols(self, code, p):
        self.check_code(code)
        exponent = int(code.exponent)
        self.refuse(exponent < 0)
        return [np.array([exponent]), np.array([int(code.index)])], [self.exponent_table(), UniformTable(1 << exponent)]

    def read_symbols(self, read: ReadSymbols, p):
        exponent = read(self.exponent_table(), 1)
        return [exponent, read(UniformTable(1 << int(exponent[0])), 1)]

    def from_symbols(self, values, p):
        return IndexCode(np.int32(values[0][0]), np.uint32(values[1][0]))


def zipf_code(index: jax.Array, overflow: jax.Array) -> IndexCode:
    """The code of a whole number below 2^24 - 1 (uint32 [])."""
    n = jnp.where(overflow, 1, index + 1).astype(jnp.uint32)
    exponent = 31 - jax.lax.clz(n).astype(jnp.int32)
    mantissa = n - jnp.left_shift(jnp.uint32(1), exponent.astype(jnp.uint32))
    return IndexCode(jnp.where(overflow, -1, exponent), mantissa)


def zipf_index(code: IndexCode) -> jax.Array:
    """Inverse of `zipf_code`, uint32 []."""
    return jnp.left_shift(jnp.uint32(1), jnp.asarray(code.exponent).astype(jnp.uint32)) + code.index - jnp.uint32(1)


def zipf_table(expected_kl_nats: float, size: int) -> Table:
    """P(e) ~ (m / (m + 1))^e, e < size, where m = KL + 1.5 bits bounds the mean of e (Li and El Gamal 2018, eq. 13)."""
    mean = max(1, round(nats_to_bits(expected_kl_nats) + 1.5))
    return two_sided_geometric(0, 256 * mean // (mean + 1), size)


def check_bound(max_nats: float, expected_kl_nats: float, limit: float) -> None:
    """ConfigError unless 0 < max_nats <= limit and 0 <= expected_kl_nats <= max_nats."""
    if not (0 < max_nats <= limit and 0 <= expected_kl_nats <= max_nats and limit <= PRECISION):
        raise ConfigError(
            f"coder.max_nats={max_nats}, expected_kl_nats={expected_kl_nats}: need 0 < max_nats <= {limit:g} and "
            "expected_kl_nats from 0 to max_nats"
        )

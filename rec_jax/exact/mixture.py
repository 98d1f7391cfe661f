"""Mixtures of logistics over pixel values as integer masses, and a value as binary symbols under them.

A mixture's mass below value v (of 2^d; its lower edge stands at v / 2^d - 1/2) is

    U(v) = sum_k w_k F_k(v) + v sum_k w_k,      U(0) = 0,  U(2^d) = 2^24 sum_k w_k + 2^d sum_k w_k,

in integers: w_k = round(2^12 exp(logit_k - largest logit)), F_k the logistic CDF in units of 2^-24, linear between the
entries of a table. The second term gives every value some mass, so that any picture can be written. A value is sent
from its top bit down: among the values lo .. hi - 1 that are left, the upper half has probability

    floor(2^24 (U(hi) - U(mid)) / (U(hi) - U(lo)))  of 2^24,  at least 1 and at most 2^24 - 1.

So a value costs d evaluations of U, where a table of all its values costs 2^d.
"""

import functools
from typing import Any, NamedTuple, Protocol

import numpy as np

from rec_jax.exact.arithmetic import shift
from rec_jax.exact.logistic import PART_BITS, T_BITS, T_LIMIT, cdf
from rec_jax.exact.network import OUTPUT_BITS
from rec_jax.exact.tables import (
    LOG_STEP_BITS,
    LOGISTIC_BITS,
    LOGISTIC_SPAN,
    PIXEL_LOG_SCALES,
    SCALE_BITS,
    tables,
)

PROBABILITY_BITS = 24  # of a binary symbol
_LOC_LIMIT = 4 << OUTPUT_BITS  # a pixel's loc beyond +-4 is a diverged network
_AT_ONCE = 1 << 15  # components whose numbers stay in a processor's cache, while threads seldom take turns


class Components(NamedTuple):
    """What does not move of N mixtures with n components: floats [n, N], integers but for a power of two."""

    inverse: Any  # one over the scale, in units that make it the slope of a CDF's argument
    weights: Any


def components(logits: Any, log_scale: Any, xp: Any = np) -> Components:
    """Of integers [n, ...] in units of 2^-16."""
    low, high = PIXEL_LOG_SCALES
    to_steps = OUTPUT_BITS - LOG_STEP_BITS
    steps = shift(log_scale, to_steps, xp) - (low << LOG_STEP_BITS)
    steps = xp.clip(steps, 0, (high - low) << LOG_STEP_BITS).astype(xp.int32)
    behind = shift(xp.max(logits, axis=0) - logits, to_steps, xp)
    behind = xp.minimum(behind, len(tables().weight) - 1).astype(xp.int32)
    inverse, weights = (xp.asarray(table) for table in _component_tables())
    return Components(xp.take(inverse, steps, mode="clip"), xp.take(weights, behind, mode="clip"))


@functools.cache
def _component_tables() -> tuple[np.ndarray, np.ndarray]:
    t = tables()
    return t.inverse_scale * 2.0 ** (T_BITS - OUTPUT_BITS - SCALE_BITS), t.weight.astype(np.float64)


class IntegerMasses(Protocol):
    """Laws of N values, as masses below each value: what a value is sent by, bit by bit."""

    total: Any  # below 2^40, [N]

    def below(self, values: Any) -> Any:
        """U of values 1 .. 2^d - 1, int64 [N]: it rises with every value, from 0 at 0 to total at 2^d."""


class IntegerMixtures:
    """U of N mixtures; loc: integers [n, N] in units of 2^-16; depth: d bits a value."""

    def __init__(self, parts: Components, loc: Any, depth: int, xp: Any = np):
        self._inverse, self._weights = parts
        loc = xp.clip(loc, -_LOC_LIMIT, _LOC_LIMIT).astype(xp.float64)
        self._start = float(LOGISTIC_SPAN << T_BITS) - loc * self._inverse  # exact: less than 2^52 steps of 2^-13
        self._total_weight = self._weights.sum(0).astype(xp.int64)
        self._edge_bits = OUTPUT_BITS - depth
        self._xp = xp
        self.total = (self._total_weight << LOGISTIC_BITS) + (self._total_weight << depth)

    def below(self, values: Any) -> Any:
        """U of values 1 .. 2^d - 1, int64 [N]."""
        xp = self._xp
        edges = values.astype(xp.float64) * 2.0**self._edge_bits - 2.0 ** (OUTPUT_BITS - 1)
        if xp is not np:
            parts = (self._part(*row, edges) for row in zip(self._inverse, self._start, self._weights, strict=True))
            return self._total_weight * values + sum(parts)
        mass = self._total_weight * values
        n_at_once = _AT_ONCE // len(self._weights)
        for first in range(0, len(edges), n_at_once):
            self._add_below(edges[first : first + n_at_once], slice(first, first + n_at_once), mass)
        return mass

    def _part(self, inverse: Any, start: Any, weight: Any, edges: Any) -> Any:
        """What one component adds."""
        xp = self._xp
        t = xp.clip(xp.floor(edges * inverse + start), 0, T_LIMIT).astype(xp.int64)
        return weight.astype(xp.int64) * cdf(t, xp)

    def _add_below(self, edges: np.ndarray, where: slice, mass: np.ndarray) -> None:
        """The same for all components of some mixtures, in floats that round nothing and in place: this is where a
        decoder of pixels is, and a processor has no vectors of 64-bit integers to speak of.
        """
        inverse, start, weight = (x[:, where] for x in (self._inverse, self._start, self._weights))
        (t, cdf, rise), cell = np.empty((3, *inverse.shape)), np.empty(inverse.shape, np.int64)
        np.multiply(edges, inverse, out=t)
        t += start
        np.maximum(t, 0.0, out=t)
        np.minimum(t, T_LIMIT, out=t)
        np.floor(t, out=t)
        np.multiply(t, 2.0**-PART_BITS, out=cdf)
        np.copyto(cell, cdf, casting="unsafe")  # cuts off what is after the point; nothing is negative here
        at_zero, slope = _lines()
        at_zero.take(cell, out=cdf, mode="clip")
        slope.take(cell, out=rise, mode="clip")
        rise *= t
        cdf += rise
        np.floor(cdf, out=cdf)
        cdf *= weight
        mass[where] += cdf.sum(0).astype(np.int64)


@functools.cache
def _lines() -> tuple[np.ndarray, np.ndarray]:
    """The logistic's cells as lines over the whole of t: at_zero + slope t, multiples of 2^-12 below 2^28, so exact."""
    rise = np.diff(tables().logistic)
    at_zero = tables().logistic[:-1] - rise * np.arange(len(rise))
    return at_zero.astype(np.float64), rise * 2.0**-PART_BITS


def upper_half(mass_low: Any, mass_middle: Any, mass_high: Any, xp: Any = np) -> Any:
    """The probability of the upper half in units of 2^-24, int64, from U at the three borders."""
    upper, whole = (mass_high - mass_middle).astype(xp.uint64), (mass_high - mass_low).astype(xp.uint64)
    probability = ((upper << PROBABILITY_BITS) // whole).astype(xp.int64)
    return xp.minimum(xp.maximum(probability, 1), (1 << PROBABILITY_BITS) - 1)

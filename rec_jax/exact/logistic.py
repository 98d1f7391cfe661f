"""Logistic latents in integers: their scales, and their masses over the bins that all of them share.

A latent is one of 2^b bins of one width that fill +-16; the outer two reach to infinity. With F the logistic CDF in
units of 2^-24 (tables.py, linear inside its cells), the mass below the lower edge of bin v, at v 2^(5 - b) - 16, is

    U(v) = 2^10 F((edge - loc) / scale) + v,      U(0) = 0,  U(2^b) = 2^34 + 2^b,

so that every bin has some: whatever a stack or a damaged message holds can be coded. A bin is sent as b binary symbols
from its top bit down, as a pixel is (mixture.py).

Scales are in units of 2^-16, as functions of what a network puts out, in steps of 2^-8 (models/logistics.py):

    0.1 + 0.9 F(raw + 2)   of an inference network,     0.1 + 0.9 S(raw + 139/256)   of a generative one,

where S, the integral of F, is its running sum; so no table of their own is shipped.
"""

import functools
from typing import Any

import numpy as np

from rec_jax.exact.arithmetic import FRACTION_BITS, shift
from rec_jax.exact.tables import LOG_STEP_BITS, LOGISTIC_BITS, LOGISTIC_CELL_BITS, LOGISTIC_SPAN, SCALE_BITS, tables

SPAN = 16  # latents lie within +-SPAN
RAW_LIMIT = LOGISTIC_SPAN  # what a network puts out for a scale is clipped to +-16
LEAST_SCALE = 0.1
POSTERIOR_OFFSET = 2.0
GENERATIVE_OFFSET = 139 / 256  # log(e - 1), where softplus is 1, to a step
MAX_BIN_BITS = 16  # so that the middle of a bin is an integer
PART_BITS = 12  # of the place within a cell of the logistic's table
T_BITS = LOGISTIC_CELL_BITS + PART_BITS  # after the point of a CDF's argument
T_LIMIT = (2 * LOGISTIC_SPAN << T_BITS) - 1
_MASS_BITS = 10  # by which F counts more than one bin's own share


class BinnedLogistics:
    """U of N logistics.

    loc: integers in units of 2^-12.  inverse: one over the scale, as `inverse_*_scale` give it, or a number.
    """

    def __init__(self, loc: Any, inverse: Any, bin_bits: int, xp: Any = np):
        self._loc, self._inverse = loc.astype(xp.int64).ravel(), xp.asarray(inverse).astype(xp.int64).ravel()
        self._width_bits = SPAN.bit_length() + FRACTION_BITS - bin_bits
        self._xp = xp
        self.total = xp.full(self._loc.shape, (1 << (LOGISTIC_BITS + _MASS_BITS)) + (1 << bin_bits), xp.int64)

    def below(self, values: Any) -> Any:
        """U of bins 1 .. 2^b - 1, int64 [N]."""
        edges = (values << self._width_bits) - (SPAN << FRACTION_BITS)
        t = ((edges - self._loc) * self._inverse) >> (FRACTION_BITS + SCALE_BITS - T_BITS)
        return (cdf(t + (LOGISTIC_SPAN << T_BITS), self._xp) << _MASS_BITS) + values


def cdf(t: Any, xp: Any) -> Any:
    """F in units of 2^-24, int64, where t - 16 2^19 is its argument in units of 2^-19, int64."""
    left, rises = (xp.asarray(part) for part in _cells())
    t = xp.clip(t, 0, T_LIMIT)
    cell = t >> PART_BITS
    rise = xp.take(rises, cell, mode="clip") * (t & ((1 << PART_BITS) - 1))
    return xp.take(left, cell, mode="clip") + (rise >> PART_BITS)


@functools.cache
def _cells() -> tuple[np.ndarray, np.ndarray]:
    """F at the left end of every cell, and how much it rises in it."""
    return tables().logistic[:-1], np.diff(tables().logistic)


def bin_middles(bins: Any, bin_bits: int) -> Any:
    """What bins' numbers stand for, in units of 2^-12; bin_bits is at most MAX_BIN_BITS."""
    width_bits = SPAN.bit_length() + FRACTION_BITS - bin_bits
    return (bins << width_bits) + (1 << (width_bits - 1)) - (SPAN << FRACTION_BITS)


def inverse_posterior_scale(raw: Any, xp: Any) -> Any:
    """2^16 over q's scale, int64, of what an exact net puts out."""
    return _looked_up(_inverse_scales()[0], raw, xp)


def inverse_generative_scale(raw: Any, xp: Any) -> Any:
    """2^16 over p's scale, int64."""
    return _looked_up(_inverse_scales()[1], raw, xp)


def _looked_up(table: np.ndarray, raw: Any, xp: Any) -> Any:
    steps = shift(raw, FRACTION_BITS - LOG_STEP_BITS, xp) + (RAW_LIMIT << LOG_STEP_BITS)
    return xp.take(xp.asarray(table), xp.clip(steps, 0, len(table) - 1).astype(xp.int32), mode="clip")


@functools.cache
def _inverse_scales() -> tuple[np.ndarray, np.ndarray]:
    """floor(2^32 / scale) of raw = -16 .. 16 in steps of 2^-8, q's and p's, int64."""
    n_steps = 2 * RAW_LIMIT << LOG_STEP_BITS
    table = tables().logistic
    fine = np.empty(n_steps + 1, np.int64)  # F in steps of 2^-8, half a cell
    fine[::2], fine[1::2] = table, (table[:-1] + table[1:]) >> 1
    offset_q, offset_p = (round(offset * 2**LOG_STEP_BITS) for offset in (POSTERIOR_OFFSET, GENERATIVE_OFFSET))
    beyond = np.full(max(offset_q, offset_p), 1 << LOGISTIC_BITS)
    sigmoid = np.concatenate([fine, beyond])
    twice = np.concatenate([[0], np.cumsum(sigmoid[:-1] + sigmoid[1:])])  # S in units of 2^-33
    least = round(LEAST_SCALE * 2**SCALE_BITS)
    rest = (1 << SCALE_BITS) - least
    places = np.arange(n_steps + 1)
    scale_q = least + (rest * sigmoid[places + offset_q] >> LOGISTIC_BITS)
    scale_p = least + (rest * twice[places + offset_p] >> (LOGISTIC_BITS + LOG_STEP_BITS + 1))
    return (1 << 2 * SCALE_BITS) // scale_q, (1 << 2 * SCALE_BITS) // scale_p

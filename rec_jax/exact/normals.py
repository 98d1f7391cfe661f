"""Standard normals from 32-bit words, in units of 2^-12, by a table of quantiles.

A word's lowest bit is the sign; its upper 31 bits u stand for the tail probability (u + 1/2) / 2^32 beyond |n|. Cells
are an octave's 2^10 equal parts: with j = the leading zeros of u among 31 bits and i = the 10 bits after the leading
one, the magnitude is the table's entry j 2^10 + i, the quantile at the middle of the cell. Octaves of less than 2^10
values of u have their cells by the same rule (the bits that are missing are zeros), and u = 0 counts as 1. The largest
magnitude is 6.17.

A look-up is several times faster than erf_inv, and gives the same integer on every machine.
"""

from typing import Any

import numpy as np

from rec_jax.exact.tables import NORMAL_CELL_BITS, NORMAL_OCTAVES, tables

_TOP = 31 - 1 - NORMAL_CELL_BITS  # how far the leading one and the cell's bits are shifted down


def normals(words: Any, xp: Any) -> Any:
    """int32 in units of 2^-12, from uint32 words of any shape."""
    upper = words >> 1
    octave = _leading_zeros(upper, xp)
    cell = ((upper << xp.minimum(octave, 31)) >> _TOP) & ((1 << NORMAL_CELL_BITS) - 1)
    index = xp.minimum(octave, NORMAL_OCTAVES - 1).astype(xp.int32) * (1 << NORMAL_CELL_BITS) + cell.astype(xp.int32)
    magnitude = xp.take(xp.asarray(_normal_table()), index, mode="clip")
    return xp.where((words & 1).astype(bool), -magnitude, magnitude)


def _leading_zeros(upper: Any, xp: Any) -> Any:
    """Leading zeros of 31-bit integers, 31 for 0; uint32."""
    if xp is np:
        return (31 - np.frexp(upper.astype(np.float64))[1]).astype(np.uint32)  # exact: u < 2^53
    import jax

    return jax.lax.clz(upper) - 1


def _normal_table() -> np.ndarray:
    return tables().normal.astype(np.int32)

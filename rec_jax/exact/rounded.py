"""Normals rounded to integers, as integer frequencies: the laws of quantised latents.

There are 64 laws N(0, scale_i^2), scale_i = exp((i - 18) / 8), from 0.105 to 277. Of law i the integers -w .. w, w =
ceil(6.1 scale_i), have tables.rounded's frequencies, of 2^24, by their magnitude; what lies beyond has 64 together, and
0 has what is left.
"""

import functools
import math
from typing import Any

from rec_jax.exact.arithmetic import FRACTION_BITS, shift
from rec_jax.exact.tables import (
    ROUNDED_BITS,
    ROUNDED_LEAST,
    ROUNDED_MOST,
    ROUNDED_PER_NAT_BITS,
    ROUNDED_SPAN,
    tables,
)

N_LAWS = ROUNDED_MOST - ROUNDED_LEAST + 1
LOG_SCALES = (ROUNDED_LEAST * 2.0**-ROUNDED_PER_NAT_BITS, ROUNDED_MOST * 2.0**-ROUNDED_PER_NAT_BITS)
BEYOND = 64  # the frequency of what a law's table does not hold: real latents have longer tails than normals


def law_of(log_scale: Any, xp: Any) -> Any:
    """The law nearest to a log scale, integers in units of 2^-12; int32, 0 .. N_LAWS - 1."""
    steps = shift(log_scale, FRACTION_BITS - ROUNDED_PER_NAT_BITS, xp)
    return xp.clip(steps - ROUNDED_LEAST, 0, N_LAWS - 1).astype(xp.int32)


@functools.cache
def half_widths() -> tuple[int, ...]:
    """Of every law, the largest integer that its table holds."""
    steps = range(ROUNDED_LEAST, ROUNDED_MOST + 1)
    return tuple(math.ceil(ROUNDED_SPAN * math.exp(i * 2.0**-ROUNDED_PER_NAT_BITS)) for i in steps)


@functools.cache
def frequencies(law: int) -> tuple[int, ...]:
    """Of -w .. w, and of all others together; they sum to 2^24."""
    widths = half_widths()
    first = sum(widths[:law])
    beside = tables().rounded[first : first + widths[law]]
    middle = (1 << ROUNDED_BITS) - 2 * int(beside.sum()) - BEYOND
    return (*beside[::-1].tolist(), middle, *beside.tolist(), BEYOND)

"""The functions that exact networks and coders need beyond sums and products, as integer tables that ship as data.

tables.npz is made by `python -m experiments.make_tables` and never computed on a reader's machine; every entry is the
named real number, rounded to the nearest integer (docs/FORMAT.md, "Tables"), and a test checks each against mpmath.
"""

import functools
import pathlib
from typing import NamedTuple

import numpy as np

_PATH = pathlib.Path(__file__).with_name("tables.npz")

LOG_SCALE_LIMIT = 6  # log scales of latents are clipped to +-6
LOG_STEP_BITS = 8  # a log scale or a logit is looked up with this many bits after the point
SCALE_BITS = 16  # bits after the point of exp(log scale), and of 1 / scale
PIXEL_LOG_SCALES = (-8, 6)  # of the logistics that describe pixels
WEIGHT_BITS = 12  # a mixture's largest component weighs 2^12
LOGIT_SPAN = 9  # components so far below the largest one weigh nothing
LOGISTIC_SPAN = 16  # the logistic CDF is 0 below minus this, and 1 above it
LOGISTIC_CELL_BITS = 7  # its cells are 2^-7 wide, linear inside
LOGISTIC_BITS = 24  # of its values
NORMAL_OCTAVES, NORMAL_CELL_BITS = 31, 10  # see `normal_quantile_index`
ROUNDED_BITS = 24  # of the masses of a rounded normal
ROUNDED_PER_NAT_BITS = 3  # scales of rounded normals are exp(i / 2^3), i from the least to the most:
ROUNDED_LEAST, ROUNDED_MOST = -18, 45  # 0.105 to 277
ROUNDED_SPAN = 6.1  # their tables end at so many scales, beyond which lies 2^-30


class Tables(NamedTuple):
    """Integer arrays."""

    elu: np.ndarray  # [i] = round(2^12 (1 - exp(-i / 2^12))): minus ELU at -i units
    scale: np.ndarray  # [i] = round(2^16 exp(i / 2^8 - 6)): the scale of a log scale of i - 6 * 2^8 steps
    inverse_scale: np.ndarray  # [i] = round(2^16 exp(-(i / 2^8 - 8))): one over the scale of a pixel's logistic
    weight: np.ndarray  # [i] = round(2^12 exp(-i / 2^8)): of a component i steps below the largest
    logistic: np.ndarray  # [i] = round(2^24 / (1 + exp(16 - i / 2^7))): the CDF at the cells' left ends, and at 16
    normal: np.ndarray  # [j 2^10 + i]: round(2^12 |quantile|) of N(0, 1), see exact/normals.py
    rounded: (
        np.ndarray
    )  # scale after scale, round(2^24 P(v)), at least 1, for v = 1 .. half width; see exact/rounded.py


@functools.cache
def tables() -> Tables:
    """The tables, read once; int64, which all uses cast from."""
    with np.load(_PATH) as data:
        return Tables(**{name: data[name].astype(np.int64) for name in Tables._fields})

"""How many nats a latent of a lossy model is expected to carry, by its prior's scale: what the tree coder's groups of
dims are made by (coders/tree/groups.py).

Where the prior is wide, much is unknown, and the posterior's scale hardly varies; so a table by layer, quality and
scale says more than a number per channel. Everything is an integer, and both sides have the same.
"""

from typing import Any

import numpy as np

from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.core.errors import ConfigError
from rec_jax.exact.tables import LOG_SCALE_LIMIT, SCALE_BITS
from rec_jax.models.knots import MAX_QUALITY

PER_OCTAVE = 2
N_BINS = 2 * PER_OCTAVE * 9  # octaves of scales from 2^-9 to 2^9, more than exp(+-6)
assert 9 * np.log(2.0) > LOG_SCALE_LIMIT

Table = tuple[tuple[int, ...], ...]  # of one layer: by knot, by bin


def check_table(table: Any) -> None:
    """ConfigError for what is no Table of a model file."""
    rows = table if isinstance(table, list | tuple) else ()
    fits = len(rows) > 0 and all(isinstance(row, list | tuple) and len(row) == N_BINS for row in rows)
    if not fits or not all(type(n) is int and 1 <= n <= MAX_WEIGHT for row in rows for n in row):
        raise ConfigError(
            f"coder.layer_weights_by_scale has {str(table)[:60]}: rows of {N_BINS} integers of 1 to {MAX_WEIGHT}, from "
            "--mode=export"
        )


def bins_of(scale: Any) -> np.ndarray:
    """The bins of prior scales, integers above 0 in units of 2^-16: half octaves, 0 .. N_BINS - 1."""
    mantissa, exponent = np.frexp(np.asarray(scale, np.float64))  # exact, and so is the comparison
    half_octave = PER_OCTAVE * (exponent - 1 - SCALE_BITS + 9) + (mantissa >= 0.75)
    return np.clip(half_octave, 0, N_BINS - 1).astype(np.int64)


def shares_of(table: Table, quality: int, scale: Any) -> np.ndarray:
    """The shares, int32, of dims with these prior scales: of the nearest knot."""
    return np.asarray(table[nearest_knot(len(table), quality)], np.int32)[bins_of(scale)]


def nearest_knot(n_knots: int, quality: int) -> int:
    """The place of the knot nearest to a quality, halves up."""
    return (2 * quality * (n_knots - 1) + MAX_QUALITY) // (2 * MAX_QUALITY)

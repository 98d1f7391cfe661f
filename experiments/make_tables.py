"""Makes rec_jax/exact/tables.npz, the tables that files are decoded by: python -m experiments.make_tables [--check]

Needs mpmath, at 40 digits. The tables are part of the file format: a table that changes is a new format version.
"""

import argparse
import sys

import mpmath
import numpy as np

from rec_jax.exact import tables as t
from rec_jax.exact.rounded import half_widths

mpmath.mp.dps = 40


def make() -> dict[str, np.ndarray]:
    """Every table of exact.tables.Tables, in the narrowest integer type."""
    one, log_step = mpmath.mpf(1), mpmath.mpf(2) ** -t.LOG_STEP_BITS
    n_elu = 12 << 12  # beyond -12, ELU is -1 to half a unit
    n_log_scales = 2 * t.LOG_SCALE_LIMIT << t.LOG_STEP_BITS
    low, high = t.PIXEL_LOG_SCALES
    n_cells = 2 * t.LOGISTIC_SPAN << t.LOGISTIC_CELL_BITS
    made = dict(
        elu=[2**12 * (1 - mpmath.exp(-one * i / 2**12)) for i in range(n_elu + 1)],
        scale=[2**t.SCALE_BITS * mpmath.exp(i * log_step - t.LOG_SCALE_LIMIT) for i in range(n_log_scales + 1)],
        inverse_scale=[
            2**t.SCALE_BITS * mpmath.exp(-(i * log_step + low)) for i in range((high - low << t.LOG_STEP_BITS) + 1)
        ],
        weight=[2**t.WEIGHT_BITS * mpmath.exp(-i * log_step) for i in range((t.LOGIT_SPAN << t.LOG_STEP_BITS) + 1)],
        logistic=[
            2**t.LOGISTIC_BITS / (1 + mpmath.exp(t.LOGISTIC_SPAN - one * i / 2**t.LOGISTIC_CELL_BITS))
            for i in range(n_cells + 1)
        ],
        normal=[
            2**12 * normal_magnitude(j, i) for j in range(t.NORMAL_OCTAVES) for i in range(1 << t.NORMAL_CELL_BITS)
        ],
        rounded=[
            max(one, 2**t.ROUNDED_BITS * rounded_mass(i, v))
            for i, half_width in enumerate(half_widths())
            for v in range(1, half_width + 1)
        ],
    )
    integers = {name: [int(mpmath.nint(x)) for x in row] for name, row in made.items()}
    return {name: np.array(row, np.int16 if max(row) < 2**15 else np.int32) for name, row in integers.items()}


def normal_magnitude(octave: int, cell: int) -> mpmath.mpf:
    """|n| with tail probability (u + 1/2) / 2^32, u + 1/2 in the middle of a cell of an octave of 31-bit integers."""
    width = mpmath.mpf(2) ** (30 - octave - t.NORMAL_CELL_BITS)  # of a cell, in u
    first = (2**t.NORMAL_CELL_BITS + cell) * width
    middle = first + width / 2 if width >= 1 else mpmath.floor(first) + mpmath.mpf(1) / 2
    return mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * middle / 2**32)


def rounded_mass(i: int, v: int) -> mpmath.mpf:
    """The mass of N(0, scale^2) between v - 1/2 and v + 1/2, of the i-th scale of exact/rounded.py."""
    scale = mpmath.exp(mpmath.mpf(i + t.ROUNDED_LEAST) / 2**t.ROUNDED_PER_NAT_BITS)
    near, far = (mpmath.erfc((v + d) / (scale * mpmath.sqrt(2))) for d in (-mpmath.mpf(1) / 2, mpmath.mpf(1) / 2))
    return (near - far) / 2


def main() -> int:
    """Writes the tables, or with --check compares them with what is there."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only compare")
    arguments = parser.parse_args()
    made = make()
    if arguments.check:
        different = [name for name, table in made.items() if not np.array_equal(table, getattr(t.tables(), name))]
        print(f"different: {', '.join(different) or 'none'}")
        return bool(different)
    np.savez(t._PATH, **made)
    print(f"{t._PATH}: {t._PATH.stat().st_size} bytes, {', '.join(f'{k} {len(v)}' for k, v in made.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

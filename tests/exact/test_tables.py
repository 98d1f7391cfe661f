"""Every kind of entry of the tables that ship is the real number that it stands for, rounded to nearest."""

import mpmath
import numpy as np
import pytest

from rec_jax.exact import tables as t
from rec_jax.exact.rounded import half_widths

mpmath.mp.dps = 40


def _normal(index):
    """The quantile in the middle of cell i of octave j, by the definition in exact/normals.py."""
    octave, cell = divmod(index, 1 << t.NORMAL_CELL_BITS)
    leading = 30 - octave  # place of the leading one
    first = ((1 << t.NORMAL_CELL_BITS) + cell) * mpmath.mpf(2) ** (leading - t.NORMAL_CELL_BITS)
    width = mpmath.mpf(2) ** (leading - t.NORMAL_CELL_BITS)
    middle = first + width / 2 if width >= 1 else mpmath.floor(first) + mpmath.mpf(1) / 2
    return 2**12 * mpmath.sqrt(2) * mpmath.erfinv(1 - 2 * middle / 2**32)


def _exp(x):
    return mpmath.exp(mpmath.mpf(x))


def _rounded(index):
    """The mass of magnitude v under the law that the entry is of, by the definition in exact/rounded.py."""
    for step in range(-18, 46):
        scale = _exp(mpmath.mpf(step) / 8)
        width = int(mpmath.ceil(mpmath.mpf("6.1") * scale))
        if index < width:
            near, far = (mpmath.erfc((index + 1 + d) / (scale * mpmath.sqrt(2))) / 2 for d in (-0.5, 0.5))
            return max(mpmath.mpf(1), 2**24 * (near - far))
        index -= width
    raise IndexError


# name: (the real number of entry i, entries)
DEFINED = {
    "elu": (lambda i: 2**12 * (1 - _exp(-mpmath.mpf(i) / 2**12)), (12 << 12) + 1),
    "scale": (lambda i: 2**16 * _exp(mpmath.mpf(i) / 2**8 - 6), 12 * 256 + 1),
    "inverse_scale": (lambda i: 2**16 * _exp(8 - mpmath.mpf(i) / 2**8), 14 * 256 + 1),
    "weight": (lambda i: 2**12 * _exp(-mpmath.mpf(i) / 2**8), 9 * 256 + 1),
    "logistic": (lambda i: 2**24 / (1 + _exp(16 - mpmath.mpf(i) / 2**7)), 32 * 128 + 1),
    "normal": (_normal, 31 << 10),
    "rounded": (_rounded, sum(half_widths())),
}
SMALL, SAMPLE = 5000, 500


@pytest.mark.parametrize("name", DEFINED)
def test_entries_are_the_nearest_integers(name):
    number, size = DEFINED[name]
    table = getattr(t.tables(), name)
    assert len(table) == size and set(DEFINED) == set(t.Tables._fields)
    places = np.arange(size)
    if size > SMALL:
        ends = [0, 1, 2, size - 2, size - 1]
        places = np.unique(np.append(np.random.default_rng(0).integers(0, size, SAMPLE), ends))
    wrong = [i for i in places.tolist() if abs(number(i) - int(table[i])) > mpmath.mpf(1) / 2]
    assert not wrong, f"{name}[{wrong[0]}] is {table[wrong[0]]}, wanted {mpmath.nstr(number(wrong[0]), 12)}"


def test_tables_rise_or_fall():
    for name, table in t.tables()._asdict().items():
        octaves = table if name != "normal" else table.reshape(31, -1)[:20]
        steps = np.diff(octaves) if name != "rounded" else np.zeros(1)  # falls law by law
        assert np.all(steps >= 0) or np.all(steps <= 0), name

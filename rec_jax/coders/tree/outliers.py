"""Dims that no candidate of the tree would reach, moved to where one does, and the bits that this takes.

Among the F values that a step offers to one dim, about F exp(-k) lie where a posterior of k nats wants them: a dim far
beyond ln F nats would be missed by many of its standard deviations, and one far wider than p would lose its tails,
which hold few of those F values or none. Such an outlier is re-centred: the code names it
and gives it a coding distribution of its own, in p's coordinates

    p' = N(2 s t, t^2),   t = 4^-e,   s and e small integers,

under which it has two or three nats left for the tree. Naming costs about ln D nats, s and e a few more, together
about the nats that the outlier loses thereby. Where a call has many outliers, naming them in their order is cheaper:
ln D/n + 1.5 nats each of n, by the part of D that a dim lies in and its place there (Elias and Fano's).
"""

from typing import Any, NamedTuple

import numpy as np

from rec_jax.coders.base import ReadSymbols
from rec_jax.entropy.tables import Table, UniformTable, normalise, two_sided_geometric
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.prior import place
from rec_jax.exact.tables import SCALE_BITS

MAX_OUTLIERS = 128  # of a call; the farthest are taken
MIN_EXPONENT, MAX_EXPONENT = -4, 7  # of e
LENGTHS = 21  # |s| below 2^20


class Outliers(NamedTuple):
    """The re-centred dims of a call of D dims, rising; unused places hold dim D, and the last one is never used."""

    dims: Any  # int32 [MAX_OUTLIERS + 1]
    exponents: Any  # e, int32
    shifts: Any  # s, int32


def place_exactly(loc: Any, scale: Any, units: Any, outliers: Outliers, xp: Any) -> Any:
    """loc + scale u in integers, int64 [N, D] in units of 2^-12, with u re-centred where an outlier is.

    loc: units of 2^-12.  scale: units of 2^-16.  units: u, units of 2^-12.  outliers: of N calls, [N, ..].
    """
    units = units.astype(xp.int64)
    z = place(loc, scale, units, xp)
    n_dims = loc.shape[-1]
    dims = xp.asarray(outliers.dims).astype(xp.int32)
    exponents, shifts = (xp.asarray(x).astype(xp.int64) for x in (outliers.exponents, outliers.shifts))
    at = xp.minimum(dims, n_dims - 1)
    here = [xp.take_along_axis(x, at, axis=-1) for x in (loc, scale, units)]
    bits = SCALE_BITS + 2 * exponents
    moved = here[0] + (
        (here[1] * ((shifts << (FRACTION_BITS + 1)) + here[2]) + (1 << (bits - 1))) >> bits
    )  # below 2^60
    rows = xp.arange(len(loc))[:, None] + xp.zeros_like(dims)
    if xp is np:
        used = dims < n_dims
        z[rows[used], dims[used]] = moved[used]
        return z
    return z.at[rows, dims].set(moved, mode="drop")  # unused places hold dim D, which is not there


def outlier_symbols(outliers: Outliers, in_order: bool) -> tuple[list[np.ndarray], list[Table]]:
    """How many, which, their e, the bit length of |s|, and the rest of s: runs of integers and a table for each.

    in_order: how they are named, see the module's docstring.
    """
    dims, exponents, shifts = (np.asarray(x, np.int64) for x in outliers)
    n_dims = int(dims[-1])
    count = int(np.sum(dims < n_dims))
    if not count:
        return [np.array([0])], [_COUNT]
    size = np.abs(shifts[:count])
    lengths = np.frexp(size.astype(np.float64))[1].astype(np.int64)  # exact: |s| is far below 2^53
    places = np.maximum(2 * size - (1 << lengths), 0) + (
        shifts[:count] < 0
    )  # place among the 2^length shifts of this length
    names = _names(dims[:count], n_dims) if in_order else [dims[:count]]
    values = [
        np.array([count]),
        *names,
        exponents[:count] - MIN_EXPONENT,
        lengths,
        *(places[i : i + 1] for i in range(count)),
    ]
    tables = [*_name_tables(count, n_dims, in_order), _EXPONENT, _LENGTH]
    return values, [_COUNT, *tables, *(UniformTable(1 << n) for n in lengths.tolist())]


def read_outlier_symbols(read: ReadSymbols, n_dims: int, in_order: bool) -> list[np.ndarray]:
    """Pulls from a stream the values of `outlier_symbols`."""
    count = read(_COUNT, 1)
    if not count[0]:
        return [count]
    tables = [*_name_tables(int(count[0]), n_dims, in_order), _EXPONENT, _LENGTH]
    heads = [read(table, int(count[0])) for table in tables]
    return [count, *heads, *(read(UniformTable(1 << n), 1) for n in heads[-1].tolist())]


def from_outlier_symbols(values: list[np.ndarray], n_dims: int, in_order: bool) -> tuple[Outliers, list[np.ndarray]]:
    """The outliers at the head of these runs of integers, and the runs that follow."""
    count = int(values[0][0])
    dims = np.full(MAX_OUTLIERS + 1, n_dims, np.int32)
    exponents, shifts = np.zeros((2, MAX_OUTLIERS + 1), np.int32)
    if not count:
        return Outliers(dims, exponents, shifts), values[1:]
    n_names = 2 if in_order else 1
    names, (exponents[:count], lengths, *rest) = values[1 : 1 + n_names], values[1 + n_names :]
    dims[:count] = _dims_of(*names, n_dims) if in_order else names[0]
    exponents[:count] += MIN_EXPONENT
    places = np.concatenate(rest[:count])
    size = (places + (1 << lengths)) // 2
    shifts[:count] = np.where(places % 2, -size, size)
    return Outliers(dims, exponents, shifts), rest[count:]


def _part_bits(count: int, n_dims: int) -> int:
    """Bits of a place in a part: a part is the largest power of two of dims of which there are `count` at least."""
    return max(n_dims // count, 1).bit_length() - 1


def _names(dims: np.ndarray, n_dims: int) -> list[np.ndarray]:
    """How many parts each rising dim lies beyond the one before it, and its place in its part."""
    bits = _part_bits(len(dims), n_dims)
    return [np.diff(dims >> bits, prepend=0), dims & ((1 << bits) - 1)]


def _dims_of(steps: np.ndarray, places: np.ndarray, n_dims: int) -> np.ndarray:
    """Inverse of _names; of a damaged file some dims, too."""
    return np.minimum((np.cumsum(steps) << _part_bits(len(steps), n_dims)) + places, n_dims - 1)


def _name_tables(count: int, n_dims: int, in_order: bool) -> list[Table]:
    if not in_order:
        return [UniformTable(n_dims)]
    bits = _part_bits(count, n_dims)
    return [two_sided_geometric(0, 128, (n_dims >> bits) + 1), UniformTable(1 << bits)]


_SOME = [(1 << 24) // (n + 1) ** 2 for n in range(1, MAX_OUTLIERS + 1)]
_COUNT = normalise([9 * sum(_SOME), *_SOME])  # none with probability 0.9: a call of a nat must not pay for them
_EXPONENT = normalise([1] * -MIN_EXPONENT + [1 << (MAX_EXPONENT + 1 - e) for e in range(MAX_EXPONENT + 1)])
_LENGTH = two_sided_geometric(2, 128, LENGTHS)

"""Dims that no candidate of the tree would reach, moved to where one does, and the bits that this takes.

Among the F values that a step offers to one dim, about F exp(-k) lie where a posterior of k nats wants them: a dim far
beyond ln F nats would be missed by many of its standard deviations. Such an outlier is re-centred: the code names it
and gives it a coding distribution of its own, in p's coordinates

    p' = N(2 s t, t^2),   t = 4^-e,   s and e small integers,

under which it has two or three nats left for the tree. Naming costs about ln D nats, s and e a few more, together
about the nats that the outlier loses thereby.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import ReadSymbols
from rec_jax.core.gaussian import DiagGaussian, kl_nats
from rec_jax.entropy.tables import Table, UniformTable, normalise, two_sided_geometric

MAX_OUTLIERS = 128  # of a call; the farthest are taken
_WIDEST = 16.0  # t is at most so many times the posterior's scale: a narrower t would only cost more bits
_EXPONENTS, _LENGTHS = 8, 21  # e below 8, |s| below 2^20


class Outliers(NamedTuple):
    """The re-centred dims of a call of D dims, rising; unused places hold dim D, and the last one is never used."""

    dims: jax.Array  # int32 [MAX_OUTLIERS + 1]
    exponents: jax.Array  # e, int32
    shifts: jax.Array  # s, int32


def find_outliers(q: DiagGaussian, p: DiagGaussian, reach_nats: float) -> Outliers:
    """The dims of more than reach_nats, at most MAX_OUTLIERS of them; q and p [D]."""
    n_dims = p.loc.size
    beyond, dims = jax.lax.top_k(kl_nats(q, p) - reach_nats, min(MAX_OUTLIERS, n_dims))
    dims = jnp.sort(jnp.where(beyond > 0, dims, n_dims))
    dims = jnp.pad(dims, (0, MAX_OUTLIERS + 1 - dims.size), constant_values=n_dims)
    loc, scale = (
        jnp.take(x, dims, mode="fill", fill_value=1.0) for x in ((q.loc - p.loc) / p.scale, q.scale / p.scale)
    )
    exponents = jnp.clip(jnp.ceil(-jnp.log(_WIDEST * scale) / jnp.log(4.0)), 0, _EXPONENTS - 1)
    limit = float((1 << (_LENGTHS - 1)) - 1)
    shifts = jnp.clip(jnp.round(0.5 * loc * 4.0**exponents), -limit, limit)
    used = dims < n_dims
    return Outliers(dims, *(jnp.where(used, x, 0).astype(jnp.int32) for x in (exponents, shifts)))


def recentre(p: DiagGaussian, outliers: Outliers) -> DiagGaussian:
    """p [D] with the outliers' own coding distributions in their places."""
    t = jnp.ldexp(1.0, -2 * outliers.exponents)
    loc, scale = (jnp.take(x, outliers.dims, mode="fill", fill_value=1.0) for x in (p.loc, p.scale))
    return DiagGaussian(
        p.loc.at[outliers.dims].set(loc + scale * 2.0 * t * outliers.shifts, mode="drop"),
        p.scale.at[outliers.dims].set(scale * t, mode="drop"),
    )


def outlier_symbols(outliers: Outliers) -> tuple[list[np.ndarray], list[Table]]:
    """How many, which, their e, the bit length of |s|, and the rest of s: runs of integers and a table for each."""
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
    values = [np.array([count]), dims[:count], exponents[:count], lengths, *(places[i : i + 1] for i in range(count))]
    return values, [_COUNT, UniformTable(n_dims), _EXPONENT, _LENGTH, *(UniformTable(1 << n) for n in lengths.tolist())]


def read_outlier_symbols(read: ReadSymbols, n_dims: int) -> list[np.ndarray]:
    """Pulls from a stream the values of `outlier_symbols`."""
    count = read(_COUNT, 1)
    if not count[0]:
        return [count]
    heads = [read(table, int(count[0])) for table in (UniformTable(n_dims), _EXPONENT, _LENGTH)]
    return [count, *heads, *(read(UniformTable(1 << n), 1) for n in heads[-1].tolist())]


def from_outlier_symbols(values: list[np.ndarray], n_dims: int) -> tuple[Outliers, list[np.ndarray]]:
    """The outliers at the head of these runs of integers, and the runs that follow."""
    count = int(values[0][0])
    dims = np.full(MAX_OUTLIERS + 1, n_dims, np.int32)
    exponents, shifts = np.zeros((2, MAX_OUTLIERS + 1), np.int32)
    if not count:
        return Outliers(dims, exponents, shifts), values[1:]
    dims[:count], exponents[:count], lengths = values[1:4]
    places = np.concatenate(values[4 : 4 + count])
    size = (places + (1 << lengths)) // 2
    shifts[:count] = np.where(places % 2, -size, size)
    return Outliers(dims, exponents, shifts), values[4 + count :]


_SOME = [(1 << 24) // (n + 1) ** 2 for n in range(1, MAX_OUTLIERS + 1)]
_COUNT = normalise([9 * sum(_SOME), *_SOME])  # none with probability 0.9: a call of a nat must not pay for them
_EXPONENT = normalise([1 << (_EXPONENTS - e) for e in range(_EXPONENTS)])
_LENGTH = two_sided_geometric(2, 128, _LENGTHS)

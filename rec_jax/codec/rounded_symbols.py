"""Rounded latents as symbols under static integer tables, all those of one law together.

A value within its law's table (exact/rounded.py) is one symbol; the last symbol says that it lies beyond. What is
beyond follows at the end, in order, as Elias gamma codes of how far, and signs. (Balle et al. 2018 code outliers so.)
"""

import functools

import numpy as np

from rec_jax.codec.naturals import read_naturals, write_naturals
from rec_jax.entropy.base import Sink, Source
from rec_jax.entropy.tables import FrequencyTable, normalise, two_sided_geometric
from rec_jax.exact.arithmetic import shift
from rec_jax.exact.mixture import IntegerMixtures, components
from rec_jax.exact.network import OUTPUT_BITS
from rec_jax.exact.rounded import frequencies, half_widths
from rec_jax.models.base import HyperLaw

MOST_BITS = 20  # of how far beyond its table a value may be
HYPER_LIMIT = 127  # of a hyper-latent's magnitude
_HYPER_BITS = 8  # a hyper-latent is coded as a pixel of 8 bits would be
_LOG_256 = 363_409  # round(2^16 log 256)
_LENGTHS = two_sided_geometric(0, 128, MOST_BITS + 1)


@functools.cache
def law_table(law: int) -> FrequencyTable:
    """Symbol v + w stands for v, of -w .. w, and symbol 2 w + 1 for all others."""
    return FrequencyTable(frequencies(law))


def write_rounded(sink: Sink, values: np.ndarray, laws: np.ndarray) -> None:
    """Appends integers [N], magnitudes below 2^20, under their laws, 0 .. 63 [N]."""
    order, ends, widths = _by_law(laws)
    beyond = np.abs(values) > widths
    symbols = np.where(beyond, 2 * widths + 1, values + widths)[order]
    for law, first, end in ends:
        sink.write(symbols[first:end], law_table(law))
    far, negative = np.abs(values[beyond]) - widths[beyond], values[beyond] < 0  # at least 1
    write_naturals(sink, 2 * far + negative, _LENGTHS, least_bits=1)


def read_rounded(source: Source, laws: np.ndarray) -> np.ndarray:
    """The integers, int64 [N], that were written under these laws."""
    order, ends, widths = _by_law(laws)
    symbols = np.empty(len(laws), np.int64)
    symbols[order] = np.concatenate([source.read(law_table(law), end - first) for law, first, end in ends])
    beyond = symbols == 2 * widths + 1
    values = symbols - widths
    far, negative = np.divmod(read_naturals(source, int(beyond.sum()), _LENGTHS, least_bits=1), 2)
    values[beyond] = (1 - 2 * negative) * (far + widths[beyond])
    return values


def _by_law(laws: np.ndarray) -> tuple[np.ndarray, list[tuple[int, int, int]], np.ndarray]:
    """(the order that brings equal laws together; (law, first, end) of each in it; half widths [N])."""
    order = np.argsort(laws, kind="stable")
    present, counts = np.unique(laws, return_counts=True)
    ends = np.cumsum(counts)
    return order, list(zip(present.tolist(), (ends - counts).tolist(), ends.tolist(), strict=True)), _widths()[laws]


@functools.cache
def _widths() -> np.ndarray:
    return np.array(half_widths(), np.int64)


def hyper_tables(law: HyperLaw) -> list[FrequencyTable]:
    """Per channel: symbol u + 128 stands for u; law: integers [1, N, n] in units of 2^-12.

    The same masses as those of a pixel of 8 bits (exact/mixture.py), in whose units u is 256 times wider.
    """
    logits, loc, log_scale = (np.moveaxis(part[0], -1, 0).astype(np.int64) for part in law[:3])  # [n, N]
    parts = components(logits << 4, (log_scale << 4) - _LOG_256)
    middles = shift(loc, 4, np) + (1 << (OUTPUT_BITS - _HYPER_BITS - 1))  # a pixel's bin begins at v, ours is around u
    n_channels, edges = loc.shape[1], np.arange(1, 1 << _HYPER_BITS)
    repeated = type(parts)(*(np.repeat(part, len(edges), axis=1) for part in parts))
    mixtures = IntegerMixtures(repeated, np.repeat(middles, len(edges), axis=1), _HYPER_BITS)
    below = mixtures.below(np.tile(edges, n_channels)).reshape(n_channels, -1)
    ends = mixtures.total.reshape(n_channels, -1)[:, :1]
    return [normalise(row) for row in np.diff(below, axis=1, prepend=0, append=ends)]


def write_hyper(sink: Sink, values: np.ndarray, tables: list[FrequencyTable]) -> None:
    """Appends integers [n, N] within +-HYPER_LIMIT, channel by channel."""
    for channel, table in zip(values.T, tables, strict=True):
        sink.write(channel + (1 << (_HYPER_BITS - 1)), table)


def read_hyper(source: Source, n: int, tables: list[FrequencyTable]) -> np.ndarray:
    """The integers, int64 [n, N]."""
    return np.stack([source.read(table, n) for table in tables], axis=1) - (1 << (_HYPER_BITS - 1))

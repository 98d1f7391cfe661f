"""Natural numbers without a bound that matters, as symbols: Elias gamma codes, lengths first."""

import numpy as np

from rec_jax.entropy.base import Sink, Source
from rec_jax.entropy.tables import FrequencyTable, UniformTable


def write_naturals(sink: Sink, numbers: np.ndarray, lengths: FrequencyTable, least_bits: int = 0) -> None:
    """Appends integers [N] of at least 2^least_bits: how many bits follow the leading one, less least_bits, under a
    table; then those bits, length by length.
    """
    n_bits = np.frexp(numbers.astype(np.float64))[1] - 1  # exact below 2^53
    sink.write(n_bits - least_bits, lengths)
    for n in np.unique(n_bits).tolist():
        sink.write(numbers[n_bits == n] - (1 << n), UniformTable(1 << n))


def read_naturals(source: Source, n: int, lengths: FrequencyTable, least_bits: int = 0) -> np.ndarray:
    """The integers, int64 [n], that were written so."""
    n_bits, numbers = source.read(lengths, n) + least_bits, np.empty(n, np.int64)
    for bits in np.unique(n_bits).tolist():
        own = n_bits == bits
        numbers[own] = source.read(UniformTable(1 << bits), int(own.sum())) + (1 << bits)
    return numbers

"""What integer symbols are written to and read from: a queue (a file), a stack (bits-back), or a count of bits."""

from typing import Protocol

import numpy as np

from rec_jax.entropy.tables import PRECISION, Table


class BitSink(Protocol):
    """Takes bits of known probabilities."""

    def write_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        """Appends bits [N], each 1 with probability ones / 2^24, ones in 1 .. 2^24 - 1."""


class Sink(BitSink, Protocol):
    """Takes symbols too."""

    def write(self, values: np.ndarray, table: Table) -> None:
        """Appends integers 0 .. table.size - 1, all under one table."""


class BitSource(Protocol):
    """Gives bits back, in the same order and under the same probabilities."""

    def read_bits(self, ones: np.ndarray) -> np.ndarray:
        """The next N bits, int32 [N]."""


class Source(BitSource, Protocol):
    """Gives symbols back too."""

    def read(self, table: Table, n: int) -> np.ndarray:
        """The next n symbols under one table, int64 [n]; CorruptFile if the bytes cannot hold them."""


class CountedSink:
    """A sink that passes everything on and counts its bits."""

    def __init__(self, sink: Sink):
        self._sink, self.counter = sink, BitCounter()

    def write(self, values: np.ndarray, table: Table) -> None:
        self._sink.write(values, table)
        self.counter.write(values, table)

    def write_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        self._sink.write_bits(bits, ones)
        self.counter.write_bits(bits, ones)


class BitCounter:
    """A sink that only counts."""

    def __init__(self):
        self.bits = 0.0

    def write(self, values: np.ndarray, table: Table) -> None:
        self.bits += table.bits(values)

    def write_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        said = np.where(np.asarray(bits, bool), ones, (1 << PRECISION) - ones)
        self.bits += float(np.sum(PRECISION - np.log2(said)))

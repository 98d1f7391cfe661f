"""Several streams written or read together: each call's bits are equal shares, one stream's after the other's.

So the numbers of many small pictures are computed at once, and every stream holds what it would alone.
"""

from collections.abc import Sequence

import numpy as np

from rec_jax.entropy.queue import SymbolReader, SymbolWriter

_KEPT_BITS = 1 << 18  # before they are written: a coder's call costs as much as hundreds of bits


class SideBySideWriter:
    """A base.BitSink of n streams."""

    def __init__(self, n: int):
        self._writers = [SymbolWriter() for _ in range(n)]
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []
        self._n_kept = 0

    def write_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        shape = (len(self._writers), -1)
        self._runs.append((bits.reshape(shape), ones.reshape(shape)))
        self._n_kept += bits.size
        if self._n_kept >= _KEPT_BITS:
            self._flush()

    def getvalues(self) -> list[bytes]:
        """The bytes of every stream so far."""
        self._flush()
        return [writer.getvalue() for writer in self._writers]

    def _flush(self) -> None:
        if self._runs:
            bits, ones = (np.concatenate(parts, axis=1) for parts in zip(*self._runs, strict=True))
            for writer, *run in zip(self._writers, bits, ones, strict=True):
                writer.write_bits(*run)
        self._runs, self._n_kept = [], 0


class SideBySideReader:
    """A base.BitSource of several streams."""

    def __init__(self, streams: Sequence[bytes]):
        self._readers = [SymbolReader(stream) for stream in streams]

    def read_bits(self, ones: np.ndarray) -> np.ndarray:
        shares = ones.reshape(len(self._readers), -1)
        return np.concatenate([reader.read_bits(o) for reader, o in zip(self._readers, shares, strict=True)])

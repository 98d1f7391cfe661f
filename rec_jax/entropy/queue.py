"""One entropy-coded stream: a range coder (first in, first out) of `constriction` behind integer tables.

Words are stored big-endian. Up to eight zero bytes at the end are dropped, because a reader past the end reads zeros;
not more, so that a reader knows when it has read what no writer wrote.
"""

import constriction
import numpy as np

from rec_jax.core.errors import CorruptFile
from rec_jax.entropy.tables import TOTAL, FrequencyTable, Table, UniformTable

_WORD = np.dtype(">u4")
_MAX_DROPPED = 2 * _WORD.itemsize  # zero bytes at the end of a stream that are not stored
_ZERO_WORDS = 5  # behind a stream: at most two that were dropped, two that the decoder reads ahead, and one too many


def _model(table: Table):
    models = constriction.stream.model
    match table:
        case UniformTable(size):
            return models.Uniform(size)
        case FrequencyTable(frequencies):
            return models.Categorical(np.asarray(frequencies, np.float64) / TOTAL, perfect=False)
    raise TypeError(f"not a table: {table!r}")


def _bit_model():
    return constriction.stream.model.Bernoulli(perfect=False)


class SymbolWriter:
    """Collects integer symbols; `getvalue` gives the bytes."""

    def __init__(self):
        self._encoder = constriction.stream.queue.RangeEncoder()

    def write(self, values: np.ndarray, table: Table) -> None:
        """Appends integers 0 .. table.size - 1, all under one table."""
        values = np.ascontiguousarray(values, np.int32).ravel()
        if values.size and not (np.min(values) >= 0 and np.max(values) < table.size):
            raise ValueError(f"symbols {np.min(values)}..{np.max(values)} do not fit a table of {table.size}")
        if values.size and table.size > 1:
            self._encoder.encode(values, _model(table))

    def write_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        """Appends bits [N], each 1 with probability ones / 2^24, ones in 1 .. 2^24 - 1."""
        if len(bits):
            self._encoder.encode(np.ascontiguousarray(bits, np.int32), _bit_model(), ones / TOTAL)

    def getvalue(self) -> bytes:
        """The stream so far; writing may go on afterwards."""
        stream = self._encoder.get_compressed().astype(_WORD).tobytes()
        return stream[:-_MAX_DROPPED] + stream[-_MAX_DROPPED:].rstrip(b"\0")


class SymbolReader:
    """Reads back, in the same order and under the same tables, what a SymbolWriter wrote."""

    def __init__(self, stream: bytes):
        padded = stream + bytes(-len(stream) % _WORD.itemsize + _ZERO_WORDS * _WORD.itemsize)
        self._decoder = constriction.stream.queue.RangeDecoder(np.frombuffer(padded, _WORD).astype(np.uint32))

    def read(self, table: Table, n: int) -> np.ndarray:
        """The next n symbols under one table, int64 [n]; CorruptFile if the bytes cannot hold them."""
        if n == 0 or table.size == 1:
            return np.zeros(n, np.int64)
        return self._decode(_model(table), n).astype(np.int64)

    def read_bits(self, ones: np.ndarray) -> np.ndarray:
        """The next N bits, int32 [N], under the same probabilities."""
        if not len(ones):
            return np.zeros(0, np.int32)
        return self._decode(_bit_model(), ones / TOTAL)

    def _decode(self, model, parameters) -> np.ndarray:
        try:
            values = self._decoder.decode(model, parameters)
        except AssertionError as error:
            raise CorruptFile("the file is damaged: its entropy-coded stream ends in an impossible state") from error
        if self._decoder.maybe_exhausted():
            raise CorruptFile("the file is damaged: its entropy-coded stream ends before the picture does")
        return values

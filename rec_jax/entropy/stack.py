"""A stack of integer symbols, last in first out: the ANS coder of `constriction` behind integer tables.

Popping symbols that nobody pushed turns any bits into samples of a table; that is how bits-back coding draws
(rec_jax/codec/bits_back.py). Every pop is undone exactly by pushing the same symbols under the same tables.

Words are uint32; the last one is the top of the stack. What lies below the lowest level that was reached is untouched.
"""

import constriction
import numpy as np

from rec_jax.core.errors import CorruptFile, RecError
from rec_jax.entropy.tables import PRECISION, TOTAL

_LEAST_WORDS = 2  # the coder's state; below it, symbols are no longer drawn from real bits


class StackExhausted(RecError):
    """More bits were popped than the stack held."""


class SymbolStack:
    """Symbols pushed on, and popped off, an array of words.

    words: uint32 [n], any bits at all, or what `message` gave.  sealed: whether these are a message, whose last word
    is never zero; otherwise one word is put on top of them, and `start` gives them back.
    """

    def __init__(self, words: np.ndarray, sealed: bool = False):
        try:
            self._coder = constriction.stream.stack.AnsCoder(np.ascontiguousarray(words, np.uint32), seal=not sealed)
        except ValueError as error:
            raise CorruptFile("the message is damaged: it ends in a zero word, which no encoder writes") from error
        self.least_words = self._coder.num_words()  # fewest words that were left after any pop

    @property
    def n_bits(self) -> int:
        """Bits on the stack, to the last bit of the coder's state."""
        return self._coder.num_valid_bits()

    @property
    def n_untouched_words(self) -> int:
        """How many words at the bottom no pop has needed: without them everything would have gone the same way."""
        return self.least_words - _LEAST_WORDS

    def message(self) -> np.ndarray:
        """All words, uint32 [n]."""
        return self._coder.get_compressed()

    def start(self) -> np.ndarray:
        """The words that the stack was made of, once all that was pushed is popped again; else CorruptFile."""
        try:
            return self._coder.get_compressed(unseal=True)
        except AssertionError as error:
            raise CorruptFile("the message is damaged: it does not end where its start begins") from error

    def push_uniform(self, values: np.ndarray, n_bits: int) -> None:
        """Pushes integers 0 .. 2^n_bits - 1, all equally likely; n_bits is 1 to 24."""
        self._coder.encode_reverse(np.ascontiguousarray(values, np.int32), _uniform(n_bits))

    def pop_uniform(self, n: int, n_bits: int) -> np.ndarray:
        """The n integers of n_bits on top, int64 [n]; StackExhausted if there are fewer."""
        return self._popped(self._coder.decode(_uniform(n_bits), n))

    def push_below(self, values: np.ndarray, sizes: np.ndarray) -> None:
        """Pushes integers, values[i] in 0 .. sizes[i] - 1 and equally likely, sizes in 1 .. 2^24.

        Costs log2(2^24 / floor(2^24 / size)) bits, which is log2(size) to 0.4% of a nat for sizes up to 2^16.
        """
        some = sizes > 1  # `constriction` has no table of one symbol, which would cost nothing
        if some.any():
            columns = (np.ascontiguousarray(column[some], np.int32) for column in (values, sizes))
            self._coder.encode_reverse(next(columns), constriction.stream.model.Uniform(), next(columns))

    def pop_below(self, sizes: np.ndarray) -> np.ndarray:
        """The integers that `push_below` pushed under the same sizes, int64 [n]."""
        values, some = np.zeros(len(sizes), np.int64), sizes > 1
        if some.any():
            columns = np.ascontiguousarray(sizes[some], np.int32)
            values[some] = self._popped(self._coder.decode(constriction.stream.model.Uniform(), columns))
        return values

    def push_normal(self, values: np.ndarray, spreads: np.ndarray, low: int, high: int) -> None:
        """Pushes integers low .. high under N(0, spread^2) over them, each with at least 1 of 2^24; spreads: [n]."""
        model = constriction.stream.model.QuantizedGaussian(low, high)
        if len(values):
            self._coder.encode_reverse(np.ascontiguousarray(values, np.int32), model, np.zeros(len(values)), spreads)

    def pop_normal(self, spreads: np.ndarray, low: int, high: int) -> np.ndarray:
        """The integers that `push_normal` pushed under the same law, int64 [n]."""
        if not len(spreads):
            return np.zeros(0, np.int64)
        model = constriction.stream.model.QuantizedGaussian(low, high)
        return self._popped(self._coder.decode(model, np.zeros(len(spreads)), spreads))

    def read_bits(self, ones: np.ndarray) -> np.ndarray:
        """Pops N bits, int32 [N], each 1 with probability ones / 2^24: base.BitSource, for what LastFirst pushed."""
        if not len(ones):
            return np.zeros(0, np.int32)
        return self._popped(self._coder.decode(_bit(), ones / TOTAL)).astype(np.int32)

    def push_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        """Pushes bits [N] so that `read_bits` gives them back."""
        if len(bits):
            self._coder.encode_reverse(np.ascontiguousarray(bits, np.int32), _bit(), ones / TOTAL)

    def _popped(self, values: np.ndarray) -> np.ndarray:
        self.least_words = min(self.least_words, self._coder.num_words())
        if self.least_words < _LEAST_WORDS:
            raise StackExhausted("the stack holds fewer bits than were popped; start it with more words")
        return values.astype(np.int64)


class LastFirst:
    """A base.BitSink for a stack: what is written is kept, and pushed last first, so that pops go in writing order."""

    def __init__(self):
        self._runs: list[tuple[np.ndarray, np.ndarray]] = []

    def write_bits(self, bits: np.ndarray, ones: np.ndarray) -> None:
        self._runs.append((bits, ones))

    def push_on(self, stack: SymbolStack) -> None:
        """Pushes everything that was written."""
        for bits, ones in reversed(self._runs):
            stack.push_bits(bits, ones)


def _uniform(n_bits: int):
    if not 1 <= n_bits <= PRECISION:
        raise ValueError(f"uniform symbols of {n_bits} bits: 1 to {PRECISION} can be coded")
    return constriction.stream.model.Uniform(1 << n_bits)


def _bit():
    return constriction.stream.model.Bernoulli(perfect=False)

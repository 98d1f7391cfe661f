"""Static integer probability tables: what a decoder can rebuild exactly, without a single float.

A table gives every symbol 0 .. size-1 an integer frequency out of a total; a symbol costs log2(total / frequency)
bits, and the stream (queue.py) reaches that to within 0.01%.
"""

import functools
from dataclasses import dataclass, field

import numpy as np

PRECISION = 24  # constriction's fixed-point precision: frequencies are out of 2^24
TOTAL = 1 << PRECISION


@dataclass(frozen=True)
class UniformTable:
    """`size` equally likely symbols; 1 <= size <= 2^24."""

    size: int

    def __post_init__(self):
        if not 1 <= self.size <= TOTAL:
            raise ValueError(f"UniformTable of {self.size} symbols: sizes are 1 to 2^{PRECISION}")

    def bits(self, values: np.ndarray) -> float:
        """Bits that the integers `values` cost together."""
        return float(np.size(values) * np.log2(self.size))


@dataclass(frozen=True)
class FrequencyTable:
    """Symbol s has probability frequencies[s] / 2^24; every frequency is positive and they sum to 2^24."""

    frequencies: tuple[int, ...] = field(repr=False)

    def __post_init__(self):
        if min(self.frequencies) < 1 or sum(self.frequencies) != TOTAL:
            raise ValueError(f"FrequencyTable: frequencies must be positive and sum to 2^{PRECISION}")

    @property
    def size(self) -> int:
        return len(self.frequencies)

    def bits(self, values: np.ndarray) -> float:
        """Bits that the integers `values` cost together."""
        used = np.asarray(self.frequencies, np.float64)[np.asarray(values, np.int64)]
        return float(np.sum(PRECISION - np.log2(used)))


Table = UniformTable | FrequencyTable


@functools.lru_cache(maxsize=4096)
def two_sided_geometric(centre: int, decay: int, size: int) -> FrequencyTable:
    """P(s) ~ (decay / 256)^|s - centre| over 0 .. size-1, in integer arithmetic alone.

    centre: one beyond the symbols stands for the outermost of them.  decay: 1 .. 255.
    Every symbol keeps a frequency of at least 1, so that whatever happens can be written.
    """
    if not 1 <= decay <= 255 or size < 1:
        raise ValueError(f"two_sided_geometric(decay={decay}, size={size}): decay is 1 to 255, size at least 1")
    centre = min(max(centre, 0), size - 1)
    weights = [1 << 40]
    while weights[-1] > 0 and len(weights) < size:
        weights.append(weights[-1] * decay >> 8)
    return normalise([weights[d] if (d := abs(s - centre)) < len(weights) else 0 for s in range(size)])


def normalise(weights) -> FrequencyTable:
    """Non-negative integer weights, not all zero, to frequencies >= 1 that sum to 2^24; integer arithmetic alone."""
    weights = [int(w) for w in weights]
    total, spare = sum(weights), TOTAL - len(weights)
    if total <= 0 or min(weights) < 0 or spare < 0:
        raise ValueError("normalise: weights must be non-negative, not all zero, and at most 2^24 of them")
    frequencies = [1 + w * spare // total for w in weights]
    frequencies[max(range(len(weights)), key=weights.__getitem__)] += TOTAL - sum(frequencies)
    return FrequencyTable(tuple(frequencies))

"""Latents as integers: bins of equal mass under the prior, and the posterior's integer frequencies over them.

In the prior's coordinates u = (z - m) / sigma there are 2^n bins between the quantiles of N(0, 1), so that under the
prior a bin's number costs n bits, whatever the prior. In the same coordinates the posterior is N(shift, ratio^2); of a
total of 2^P it gives the bins left of number i

    below(i) = floor(2^P F((edge_i - shift) / ratio)),      F the CDF of N(0, 1).

Bins may be left without any: a posterior's bins are popped and pushed back, never chosen, and what was popped has a
frequency. (With at least 1 for every bin, a dim falls far from q with probability 2^(n - P), and then costs much:
docs/BITS_BACK.md.) No table is made: a bin costs two values of F, and the bin that holds a given integer is found by
bisection. Both sides compute F by the same code in float64, element by element; all else is integers.
"""

import functools

import numpy as np
from scipy.special import ndtr, ndtri

from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.arithmetic import FRACTION_BITS


@functools.lru_cache(maxsize=8)
def bin_edges(bin_bits: int) -> np.ndarray:
    """The edges of 2^bin_bits bins of equal mass under N(0, 1), float64 [2^bin_bits + 1], -inf and inf included."""
    return ndtri(np.arange((1 << bin_bits) + 1) / (1 << bin_bits))


@functools.lru_cache(maxsize=8)
def bin_centres(bin_bits: int) -> np.ndarray:
    """What a bin's number stands for: the median of N(0, 1) within it, int64 [2^bin_bits] in units of 2^-12."""
    centres = ndtri((np.arange(1 << bin_bits) + 0.5) / (1 << bin_bits))
    return np.round(centres * 2.0**FRACTION_BITS).astype(np.int64)


class BinnedPosterior:
    """The frequencies of D posteriors over the bins.

    q: N(shift, ratio^2) in the prior's coordinates, arrays [D].  bin_bits, total_bits: n and P of the module's text.
    A q that is not finite is taken for the prior, so that any picture can be coded.
    """

    def __init__(self, q: DiagGaussian, bin_bits: int, total_bits: int):
        shift, ratio = (np.asarray(x, np.float64).ravel() for x in q)
        usable = np.isfinite(shift) & np.isfinite(ratio) & (ratio > 0.0)
        self._shift, self._ratio = np.where(usable, shift, 0.0), np.where(usable, ratio, 1.0)
        self._bin_bits = bin_bits
        self._total = 1 << total_bits

    def __len__(self) -> int:
        return len(self._shift)

    def interval(self, bins: np.ndarray, dims: slice) -> tuple[np.ndarray, np.ndarray]:
        """(first integer, number of integers) of the bins int [d] of these dims; int64 [d] each."""
        first = self._below(bins, dims)
        return first, self._below(bins + 1, dims) - first

    def find(self, integers: np.ndarray, dims: slice) -> np.ndarray:
        """The bins, int64 [d], in whose intervals these integers 0 .. 2^P - 1 of these dims lie."""
        low = np.zeros(len(integers), np.int64)  # below(low) <= integer < below(low + 2 width), always
        for bit in reversed(range(self._bin_bits)):
            middle = low + (1 << bit)
            low = np.where(self._below(middle, dims) <= integers, middle, low)
        return low

    def _below(self, bins: np.ndarray, dims: slice) -> np.ndarray:
        with np.errstate(over="ignore"):
            u = (bin_edges(self._bin_bits)[bins] - self._shift[dims]) / self._ratio[dims]
        return np.floor(self._total * ndtr(u)).astype(np.int64)

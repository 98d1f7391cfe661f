"""How many steps the blocks of a picture's calls take, as places in `offered`, by the blocks before them.

A call's blocks share its dims at random, so they take nearly as many steps each; the calls of a layer are parts of one
picture; and layers carry less the finer they are. So a place is coded by

    P(place) ~ (decay / 256)^|4 place - m|,

m the mean, in quarters, of the places before it in its call, under a fast decay; of a call's first block the mean of
the call before, under a slow one, slower still where that is of another layer. Integers alone.
"""

import functools
from dataclasses import dataclass

import numpy as np

from rec_jax.entropy.tables import FrequencyTable, normalise, two_sided_geometric

_QUARTERS = 4
_NEXT, _NEXT_CALL, _NEXT_LAYER = 128, 216, 246  # decays a quarter of a place, measured on Kodak's files (docs/LOSSY.md)
_FIRST_MEAN = 32  # of a picture: between what a small one and a whole photograph take


@dataclass(frozen=True)
class PictureCounts:
    """What is known before a call: the numbers of steps of the call before it, and whether that is of its layer."""

    before: tuple[int, ...] = ()
    same_layer: bool = False

    def level_table(self, in_call: np.ndarray, offered: tuple[int, ...]) -> FrequencyTable:
        """The table of the next block's place, given the numbers of steps of the blocks before it in its call."""
        if len(in_call):
            return _places(_mean(in_call, offered), _NEXT, len(offered))
        mean = _mean(self.before, offered) if self.before else _FIRST_MEAN
        return _places(mean, _NEXT_CALL if self.same_layer else _NEXT_LAYER, len(offered))


def _mean(counts, offered: tuple[int, ...]) -> int:
    """The mean of the counts' places in quarters, halves up."""
    places, n = int(np.searchsorted(offered, counts).sum()), len(counts)
    return (2 * _QUARTERS * places + n) // (2 * n)


@functools.lru_cache(maxsize=4096)
def _places(mean: int, decay: int, n_places: int) -> FrequencyTable:
    frequencies = two_sided_geometric(mean, decay, _QUARTERS * (n_places - 1) + 1).frequencies
    return normalise(frequencies[::_QUARTERS])

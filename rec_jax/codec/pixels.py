"""The pixel part of a file: p(x | z) phase by phase, colour by colour, bit by bit from the top, in integers alone.

Both directions are one walk: a writer knows each bit and says it, a reader is told.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rec_jax.codec.pixel_laws import Picture, laws_ahead
from rec_jax.core.progress import Progress
from rec_jax.entropy.base import BitSink, BitSource
from rec_jax.exact.mixture import IntegerMasses, upper_half
from rec_jax.models.likelihoods.base import Likelihood

Say = Callable[[np.ndarray, np.ndarray, int], np.ndarray]  # (P(1) of 2^24, values, place of a bit) -> the bits


def write_pixels(
    sink: BitSink,
    likelihood: Likelihood,
    net: Any,
    params,
    outputs,
    pixels: np.ndarray,
    real,
    n_channels: int,
    depth: int,
    progress: Progress | None = None,
    measure: bool = True,
) -> float:
    """Appends the first n_channels of pixels, integers [T, h, w, 3], where real [T, h, w]; returns their ideal bits.

    outputs: what the exact net put out at each pixel.  The ideal bits are -log2 p(x | z), in floats; NaN unless
    `measure`, for they take a fifth of the time.
    """

    def say(ones, values, bit):
        bits = (values >> bit) & 1
        sink.write_bits(bits, ones)
        return bits

    picture = Picture(likelihood, net, params, outputs, pixels, real, n_channels, depth, True, measure)
    return _walk(say, picture, progress)


def read_pixels(
    source: BitSource,
    likelihood: Likelihood,
    net: Any,
    params,
    outputs,
    real,
    n_channels: int,
    depth: int,
    progress: Progress | None = None,
):
    """The pixels back, uint8 or uint16 [T, h, w, 3], zero where not real; a grey picture's colours are all its grey."""
    pixels = np.zeros((*real.shape, 3), np.uint8 if depth == 8 else np.uint16)

    def say(ones, values, bit):
        del values, bit
        return source.read_bits(ones)

    _walk(say, Picture(likelihood, net, params, outputs, pixels, real, n_channels, depth, known=False), progress)
    return pixels


def _walk(say: Say, picture: Picture, progress: Progress | None) -> float:
    """Writes pixels in place, phase by phase as they are coded; returns the ideal bits of all."""
    real, n_channels, depth = picture.real, picture.n_channels, picture.depth
    done, total, ideal_bits = 0, int(real.sum()), 0.0
    for phase, laws in laws_ahead(picture):
        part, inside = phase.of(picture.pixels), phase.of(real)
        values = part[inside]
        for channel in range(n_channels):
            values[:, channel] = code_values(say, laws.mixtures(values, channel, depth), values[:, channel], depth)
        if n_channels == 1:
            values[:, 1:] = values[:, :1]
        if not picture.known:
            part[inside] = values
        done += len(values)
        ideal_bits += laws.ideal_bits
        progress and progress(done, total)
    return ideal_bits


def code_values(say: Say, laws: IntegerMasses, values: np.ndarray, depth: int) -> np.ndarray:
    """One value 0 .. 2^depth - 1 per law, int64, from the top bit down."""
    low = np.zeros(len(values), np.int64)
    mass_low, mass_high = np.zeros(len(values), np.int64), laws.total
    for bit in reversed(range(depth)):
        middle = low + (1 << bit)
        mass_middle = laws.below(middle)
        ones = say(upper_half(mass_low, mass_middle, mass_high), values, bit).astype(bool)
        low = np.where(ones, middle, low)
        mass_low, mass_high = np.where(ones, mass_middle, mass_low), np.where(ones, mass_high, mass_middle)
    return low

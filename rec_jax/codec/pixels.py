"""The pixel part of a file: p(x | z) phase by phase, colour by colour, bit by bit from the top, in integers alone.

Both directions are one walk: a writer knows each bit and says it, a reader is told.
"""

import collections
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from rec_jax.core.progress import Progress
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.base import BitSink, BitSource
from rec_jax.exact.arithmetic import shift
from rec_jax.exact.mixture import IntegerMixtures, upper_half
from rec_jax.exact.network import OUTPUT_BITS
from rec_jax.models.likelihoods.base import Likelihood, Phase, PixelParams, log_prob_nats

_AHEAD = 2  # phases whose rows are computed while another is coded
_SMALL = 1 << 14  # pixels, up to which threads cost more than they give

_Say = Callable[[np.ndarray, np.ndarray, int], np.ndarray]  # (P(1) of 2^24, values, place of a bit) -> the bits


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

    def ideal(rows: PixelParams, values):
        floats = PixelParams(*(x.astype(np.float64) * 2.0**-OUTPUT_BITS for x in rows))
        return -float(nats_to_bits(log_prob_nats(floats, values.astype(np.float64), np, depth, n_channels).sum()))

    picture = _Picture(likelihood, net, params, outputs, pixels, real, n_channels, depth)
    return sum(ideal(*coded) if measure else math.nan for coded in _walk(say, picture, progress))


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

    for _ in _walk(say, _Picture(likelihood, net, params, outputs, pixels, real, n_channels, depth), progress):
        pass
    return pixels


class _Picture(NamedTuple):
    """Pixels [T, h, w, 3], known or to be filled in, and what their law is made of."""

    likelihood: Likelihood
    net: Any
    params: Any
    outputs: Any
    pixels: np.ndarray
    real: np.ndarray
    n_channels: int
    depth: int

    def rows(self, phase: Phase) -> PixelParams:
        """The mixtures of a phase's real pixels, [N, 3, n]."""
        rows = self.likelihood.rows(self.net, self.params, self.outputs, self.pixels, phase, self.depth)
        inside = phase.of(self.real)
        return PixelParams(*(x[inside] for x in rows))


def _walk(say: _Say, picture: _Picture, progress: Progress | None) -> Iterator[tuple[PixelParams, np.ndarray]]:
    """Yields (rows, values) of every phase once it is coded; pixels are written in place."""
    real, n_channels, depth = picture.real, picture.n_channels, picture.depth
    done, total = 0, int(real.sum())
    for phase, rows in _rows_ahead(picture):
        part, inside = phase.of(picture.pixels), phase.of(real)
        values = part[inside]
        for channel in range(n_channels):
            mixtures = IntegerMixtures(*_colour(rows, values, channel, depth), depth)
            values[:, channel] = _code_values(say, mixtures, values[:, channel], depth)
        if n_channels == 1:
            values[:, 1:] = values[:, :1]
        part[inside] = values
        yield rows, values
        done += len(values)
        progress and progress(done, total)


def _rows_ahead(picture: _Picture) -> Iterator[tuple[Phase, PixelParams]]:
    """The phases and their rows; those of the next few are computed meanwhile if they read none that is not coded."""
    likelihood = picture.likelihood
    phases = [phase for phase in likelihood.phases(*picture.real.shape[1:]) if phase.of(picture.real).any()]
    if picture.real.size <= _SMALL:
        yield from ((phase, picture.rows(phase)) for phase in phases)
        return
    waiting: collections.deque[Future] = collections.deque()  # of phases[i], phases[i + 1], ...
    with ThreadPoolExecutor(_AHEAD) as pool:
        for i, phase in enumerate(phases):
            for j in range(i + len(waiting), min(i + 1 + _AHEAD, len(phases))):
                if any(likelihood.reads(phases[j], phases[k]) for k in range(i, j)):
                    break
                waiting.append(pool.submit(picture.rows, phases[j]))
            yield phase, waiting.popleft().result()


def _colour(rows: PixelParams, values: np.ndarray, channel: int, depth: int):
    """(logits, loc, log_scale) [N, n] of one colour: as models.likelihoods.base.colour_mixture, in units of 2^-16."""
    x = (2 * values.astype(np.int64) + 1 - (1 << depth)) << (OUTPUT_BITS - depth)  # twice the centred value
    loc = rows.loc[:, channel]
    if channel == 1:
        loc = loc + shift(rows.slopes[:, 0] * x[:, :1], OUTPUT_BITS + 1, np)
    elif channel == 2:
        loc = loc + shift(rows.slopes[:, 1] * x[:, :1] + rows.slopes[:, 2] * x[:, 1:2], OUTPUT_BITS + 1, np)
    return rows.logits[:, channel], loc, rows.log_scale[:, channel]


def _code_values(say: _Say, mixtures: IntegerMixtures, values: np.ndarray, depth: int) -> np.ndarray:
    """One value per mixture, from the top bit down."""
    low = np.zeros(len(values), np.int64)
    mass_low, mass_high = np.zeros(len(values), np.int64), mixtures.total
    for bit in reversed(range(depth)):
        middle = low + (1 << bit)
        mass_middle = mixtures.below(middle)
        ones = say(upper_half(mass_low, mass_middle, mass_high), values, bit).astype(bool)
        low = np.where(ones, middle, low)
        mass_low, mass_high = np.where(ones, mass_middle, mass_low), np.where(ones, mass_high, mass_middle)
    return low

"""The mixtures of a phase's pixels, computed in parts by several threads, ahead of the coder wherever that is possible.

A part's numbers are the same whoever computes them and when (models/likelihoods/base.py), so threads change no bit.
"""

import collections
import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from rec_jax.core.processors import n_processors
from rec_jax.core.units import nats_to_bits
from rec_jax.exact.arithmetic import shift
from rec_jax.exact.mixture import Components, IntegerMixtures, components
from rec_jax.exact.network import OUTPUT_BITS
from rec_jax.models.likelihoods.base import Likelihood, Phase, PixelParams, log_prob_nats

_AHEAD = 4  # phases whose mixtures are computed while another is coded
_SMALL = 1 << 14  # pixels, up to which threads cost more than they give
_MOST_THREADS = 4  # the coder, which is one, keeps no more busy


class Picture(NamedTuple):
    """Pixels [T, h, w, 3], known or to be filled in, and what their law is made of.

    outputs: what the exact net put out at each pixel.  known: whether all pixels are there before they are coded.
    measure: whether the ideal bits of (known) pixels are wanted.
    """

    likelihood: Likelihood
    net: Any
    params: Any
    outputs: Any
    pixels: np.ndarray
    real: np.ndarray
    n_channels: int
    depth: int
    known: bool
    measure: bool = False


class Laws(NamedTuple):
    """The mixtures of N pixels, n components each; everything in units of 2^-16 that has a unit."""

    components: list[Components]  # of each colour
    loc: np.ndarray  # [C, n, N], before they move with the colours that are known
    slopes: np.ndarray  # [3, n, N]
    ideal_bits: float  # -log2 p(x | z) of the pixels, in floats; NaN where nobody asked

    def mixtures(self, values: np.ndarray, channel: int, depth: int) -> IntegerMixtures:
        """Of one colour, given the values [N, 3] of those before: as models.likelihoods.base.colour_mixture."""
        loc = self.loc[channel]
        if channel:  # twice the centred value, so that it is an integer
            twice = (2 * values.astype(np.int64) + 1 - (1 << depth)) << (OUTPUT_BITS - depth)
            moved = self.slopes[0] * twice[:, 0] if channel == 1 else self.slopes[1] * twice[:, 0]
            if channel == 2:
                moved += self.slopes[2] * twice[:, 1]
            loc = loc + shift(moved, OUTPUT_BITS + 1, np)
        return IntegerMixtures(self.components[channel], loc, depth)


def laws_ahead(picture: Picture) -> Iterator[tuple[Phase, Laws]]:
    """The phases and their laws; those of the next few are computed meanwhile if they read none that is not coded."""
    likelihood = picture.likelihood
    phases = [phase for phase in likelihood.phases(*picture.real.shape[1:]) if phase.of(picture.real).any()]
    if picture.real.size <= _SMALL:
        for phase in phases:
            block = _Block(picture, phase)
            yield phase, block.laws([block.fill(part) for part in likelihood.parts(phase)])
        return
    waiting: collections.deque[tuple[_Block, list[Future]]] = collections.deque()  # of phases[i], phases[i + 1], ...
    with ThreadPoolExecutor(min(_MOST_THREADS, n_processors())) as pool:
        for i, phase in enumerate(phases):
            for j in range(i + len(waiting), min(i + 1 + _AHEAD, len(phases))):
                if not picture.known and any(likelihood.reads(phases[j], phases[k]) for k in range(i, j)):
                    break
                block = _Block(picture, phases[j])
                waiting.append((block, [pool.submit(block.fill, part) for part in likelihood.parts(phases[j])]))
            block, parts = waiting.popleft()
            yield phase, block.laws([part.result() for part in parts])


class _Block:
    """Arrays [C, n, T, h, w] that threads fill part by part."""

    def __init__(self, picture: Picture, phase: Phase):
        self._picture, self._phase = picture, phase
        self._inside = phase.of(picture.real)
        shape = (picture.likelihood.n_components, *self._inside.shape)
        self._inverse, self._weights, self._loc = np.empty((3, picture.n_channels, *shape))
        self._slopes = np.empty((3, *shape))

    def fill(self, part: Phase) -> float:
        """Computes a part of the phase; returns its ideal bits."""
        picture, channels = self._picture, range(self._picture.n_channels)
        rows = picture.likelihood.rows(
            picture.net, picture.params, picture.outputs, picture.pixels, part, picture.depth
        )
        for channel in channels:
            parts = components(*(np.moveaxis(x[..., channel, :], -1, 0) for x in (rows.logits, rows.log_scale)))
            self._at(self._inverse, part)[channel] = parts.inverse
            self._at(self._weights, part)[channel] = parts.weights
            self._at(self._loc, part)[channel] = np.moveaxis(rows.loc[..., channel, :], -1, 0)
        self._at(self._slopes, part)[...] = np.moveaxis(rows.slopes, (-2, -1), (0, 1))
        return self._ideal_bits(rows, part) if picture.measure else math.nan

    def laws(self, ideal_bits: list[float]) -> Laws:
        """Of the real pixels, once all parts are there."""
        inverse, weights, loc, slopes = map(self._real, (self._inverse, self._weights, self._loc, self._slopes))
        both = [Components(*x) for x in zip(inverse, weights, strict=True)]
        return Laws(both, loc, slopes, sum(ideal_bits))

    def _at(self, x: np.ndarray, part: Phase) -> np.ndarray:
        """A view of a part, of all there is for a part without end."""
        step = self._phase.step
        row, column = (part.top - self._phase.top) // step, (part.left - self._phase.left) // step
        return x[..., row : row + part.height, column : column + part.width]

    def _real(self, x: np.ndarray) -> np.ndarray:
        return x.reshape(*x.shape[:2], -1) if self._inside.all() else x[:, :, self._inside]

    def _ideal_bits(self, rows: PixelParams, part: Phase) -> float:
        inside, values = part.of(self._picture.real), part.of(self._picture.pixels)
        floats = PixelParams(*(x[inside].astype(np.float64) * 2.0**-OUTPUT_BITS for x in rows))
        values, depth = values[inside].astype(np.float64), self._picture.depth
        return -float(nats_to_bits(log_prob_nats(floats, values, np, depth, self._picture.n_channels).sum()))

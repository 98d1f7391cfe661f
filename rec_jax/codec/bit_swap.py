"""Bit-Swap: bits-back coding over a Markov chain of latents, whose pops and pushes take turns.

Kingma, Abbeel and Ho (ICML 2019, arXiv:1905.06845), of a base.MarkovModel. With z_0 = x, on a stack of bits an image is

    for i = 1 .. L:  pop z_i ~ q(z_i | z_{i-1}),  push z_{i-1} under p(z_{i-1} | z_i);     then push z_L under p(z_L),

and a decoder undoes this from the end. Net, an image costs about -ELBO. What the first one needs to pop is the most by
which pops are ever ahead of pushes: about the bits of z_1, where popping all layers first (`interleaved=False`: what
HiLLoC and its forerunner BB-ANS do) needs those of z_1 .. z_L.

Everything that both sides must know, q as well, is integers (exact/network.py, exact/logistic.py), so a message decodes
on every machine. A latent is one of 2^bin_bits bins, sent bit by bit from the top as a pixel's value is (pixels.py).
A picture larger than the model's is cut into tiles, which follow one another as pictures of a chain do.

Differs from the authors' program: docs/RIVALS.md.
"""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from rec_jax.codec import bits_back_message as message
from rec_jax.codec.bits_back_chain import ChainCodec, Ledger
from rec_jax.codec.pixels import code_values, read_pixels, write_pixels
from rec_jax.codec.tiles import cut_tile, tiles
from rec_jax.core.errors import ConfigError
from rec_jax.entropy.base import BitCounter
from rec_jax.entropy.stack import LastFirst, SymbolStack
from rec_jax.exact.logistic import (
    MAX_BIN_BITS,
    SPAN,
    BinnedLogistics,
    bin_middles,
    inverse_generative_scale,
    inverse_posterior_scale,
)
from rec_jax.exact.mixture import PROBABILITY_BITS
from rec_jax.exact.network import ExactNet
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.base import MarkovModel
from rec_jax.models.likelihoods.base import Likelihood

BIN_BITS = 10  # the authors'
_MOST_BITS = 35  # of a bin that has only its own share of the mass, beside a rounding of each of its bits
_DEPTH, _COLOURS = 8, 3
_NET = ExactNet()


@dataclasses.dataclass(frozen=True, eq=False)
class BitSwapCodec(ChainCodec):
    """Of a package whose model is a base.MarkovModel.

    interleaved: whether pops and pushes take turns; otherwise all layers are popped first.
    """

    bin_bits: int = BIN_BITS
    posterior_bits: int = dataclasses.field(default=PROBABILITY_BITS, init=False)
    interleaved: bool = True

    portable = True

    def __post_init__(self):
        if not isinstance(self.package.model, MarkovModel):
            raise ConfigError(f"{self.package.name} is no model of Bit-Swap; take one of kind bit_swap")
        if not 1 <= self.bin_bits <= MAX_BIN_BITS:
            raise ConfigError(f"bin_bits={self.bin_bits}: 1 to {MAX_BIN_BITS}")

    @property
    def magic(self) -> int:
        return message.BIT_SWAP if self.interleaved else message.HILLOC

    def enough_words(self, height: int, width: int) -> int:
        return self.n_dims(height, width) * (_MOST_BITS + self.bin_bits) // 32 + 8

    def _least_bits(self, height: int, width: int) -> int:
        """Of the last tile, which other tiles take nothing from: each number of its last layer has at most the mass of
        the standard logistic's middle bin.
        """
        del height, width
        top = self.n_dims(self._model.stride, self._model.stride) // self._model.groups[0].n_layers
        return top * max(self.bin_bits - (SPAN.bit_length() - 2), 0)

    def _push_image(self, stack: SymbolStack, image: np.ndarray, ledger: Ledger) -> None:
        for tile in tiles(*image.shape[:2], self._model.stride):
            self._push_tile(stack, cut_tile(image, tile, self._model.stride), ledger)

    def _pop_image(self, stack: SymbolStack, size: tuple[int, int]) -> np.ndarray:
        image, side = np.zeros((*size, 3), np.uint8), self._model.stride
        for tile in reversed(list(tiles(*size, side))):
            image[tile.top : tile.top + side, tile.left : tile.left + side] = self._pop_tile(stack)
        return image

    def _push_tile(self, stack: SymbolStack, tile: np.ndarray, ledger: Ledger) -> None:
        known: dict[int, np.ndarray] = {0: tile}  # z_0 pixels, the others bins
        for pops, i in self._steps():
            if pops:
                known[i], bits = _pop(stack, self._posterior(i, known), self.bin_bits)
                ledger.popped(bits)
            elif i:
                ledger.pushed(_push(stack, self._prior(i, known), known[i], self.bin_bits))
            else:
                ledger.pushed(self._push_pixels(stack, known))

    def _pop_tile(self, stack: SymbolStack) -> np.ndarray:
        known: dict[int, np.ndarray] = {}
        for pops, i in reversed(self._steps()):
            if pops:
                _push(stack, self._posterior(i, known), known[i], self.bin_bits)
            elif i:
                known[i], _ = _pop(stack, self._prior(i, known), self.bin_bits)
            else:
                known[0] = self._pop_pixels(stack, known)
        return known[0]

    def _steps(self) -> list[tuple[bool, int]]:
        """(whether z_i is popped, i) in an encoder's order."""
        n = self._model.groups[0].n_layers
        pops, pushes = [(True, i) for i in range(1, n + 1)], [(False, i) for i in range(n + 1)]
        if not self.interleaved:
            return pops + pushes
        return [*itertools.chain(*zip(pops, pushes, strict=False)), pushes[-1]]

    def _posterior(self, i: int, known: dict[int, np.ndarray]) -> BinnedLogistics:
        """q(z_i | z_{i-1})."""
        below = self._latents(known[i - 1]) if i > 1 else _NET.pixels(known[0][None], _DEPTH)
        loc, raw = self._model.inference_law(_NET, self.package.exact_params, i - 1, below)
        return BinnedLogistics(loc, inverse_posterior_scale(raw, np), self.bin_bits)

    def _prior(self, i: int, known: dict[int, np.ndarray]) -> BinnedLogistics:
        """p(z_i | z_{i+1})."""
        if i == self._model.groups[0].n_layers:
            return BinnedLogistics(np.zeros(math.prod(_latent_shape(self._model))), 1 << SCALE_BITS, self.bin_bits)
        loc, raw = self._model.generative_law(_NET, self.package.exact_params, i, self._latents(known[i + 1]))
        return BinnedLogistics(loc, inverse_generative_scale(raw, np), self.bin_bits)

    def _push_pixels(self, stack: SymbolStack, known: dict[int, np.ndarray]) -> float:
        sink, pixels = LastFirst(), known[0][None].astype(np.int32)
        bits = write_pixels(sink, *self._law_of_pixels(known), pixels, self._real, _COLOURS, _DEPTH)
        sink.push_on(stack)
        return bits

    def _pop_pixels(self, stack: SymbolStack, known: dict[int, np.ndarray]) -> np.ndarray:
        return read_pixels(stack, *self._law_of_pixels(known), self._real, _COLOURS, _DEPTH)[0]

    def _law_of_pixels(self, known: dict[int, np.ndarray]) -> tuple[Likelihood, ExactNet, Any, np.ndarray]:
        """p(x | z_1): likelihood, net, its parameters, what the network puts out."""
        outputs = self._model.outputs(_NET, self.package.exact_params, self._latents(known[1]))
        return self._model.likelihood, _NET, self.package.exact_params["likelihood"], outputs

    def _latents(self, bins: np.ndarray) -> np.ndarray:
        """What a network sees of bins [D], [1, h, w, c]."""
        return bin_middles(bins, self.bin_bits).reshape(1, *_latent_shape(self._model)).astype(_NET.dtype)

    @property
    def _real(self) -> np.ndarray:
        return np.ones((1, self._model.stride, self._model.stride), bool)

    @property
    def _model(self) -> MarkovModel:
        assert isinstance(self.package.model, MarkovModel)
        return self.package.model


def _latent_shape(model: MarkovModel) -> tuple[int, int, int]:
    """(h, w, c) of a layer of a tile."""
    (group,) = model.groups
    return model.stride // group.stride, model.stride // group.stride, group.channels


def _pop(stack: SymbolStack, law: BinnedLogistics, bin_bits: int) -> tuple[np.ndarray, float]:
    """(bins int64 [D], the bits that they took)."""
    counter = BitCounter()

    def say(ones, values, bit):
        del values, bit
        bits = stack.read_bits(ones)
        counter.write_bits(bits, ones)
        return bits

    return code_values(say, law, np.zeros(len(law.total), np.int64), bin_bits), counter.bits


def _push(stack: SymbolStack, law: BinnedLogistics, bins: np.ndarray, bin_bits: int) -> float:
    """The inverse; returns the bits that they add."""
    sink, counter = LastFirst(), BitCounter()

    def say(ones, values, bit):
        bits = (values >> bit) & 1
        sink.write_bits(bits, ones)
        counter.write_bits(bits, ones)
        return bits

    code_values(say, law, bins, bin_bits)
    sink.push_on(stack)
    return counter.bits

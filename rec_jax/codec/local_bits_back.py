"""Local bits-back coding: a flow's pictures on a stack of bits, without a flow of integers.

Ho, Lohn and Abbeel, "Compression with flows via local bits-back coding" (NeurIPS 2019), in its compositional form. All
numbers are cells of a grid. A number x that an increasing map takes to f(x) is exchanged for y near f(x) by

    1. popping  y ~ N(f(x), (sigma f'(x))^2),
    2. pushing  x under N(f^-1(y), sigma^2),

which costs -log f'(x) net, up to O(sigma): the change of variables. So map by map for all elements of a flow. An image:

    1. pop e ~ N(0, 1), a number per pixel value, and exchange it for u = g(e; x) in 0 .. 1, the dequantiser,
    2. exchange v = x + u for z = F(v),
    3. push z under N(0, 1).

The decoder undoes this in reverse. Net, an image costs about the bound -log p(x + u) + log q(u | x); but the first one
needs the bits of e, which are sent along (docs/RIVALS.md has the arithmetic).

Differs from the paper: the maps of a coupling that follow each other elementwise are one map; elements are exchanged in
chunks, so that of the local pops few bits are on loan; `constriction`'s ANS coder with 24-bit frequencies over blocks
of cells (grid_normals.py), and any number that lies outside in full.

The networks are integers, the same everywhere. The maps are float64 under numpy, and one cell's difference breaks a
message: so it decodes **on the machine, and with the numpy, that wrote it**. Elsewhere its checksum refuses it.
"""

import dataclasses
from typing import Any

import numpy as np

from rec_jax.codec import bits_back_message as message
from rec_jax.codec.bits_back_chain import ChainCodec, Ledger
from rec_jax.codec.grid_normals import Grid, GridNormals
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.entropy.stack import SymbolStack
from rec_jax.exact.network import ExactNet
from rec_jax.models.base import ContinuousFlow
from rec_jax.models.flow_maps import ElementwiseMap, Sigmoid, elements

GRID_BITS, LOCAL_BITS = 32, 14  # the authors'; docs/RIVALS.md has what coarser ones cost
_RANGE_BITS = 9  # of numbers in -256 .. 256
_CHUNKS = 8  # that the elements of a map are exchanged in
_WORDS_PER_EXCHANGE = 2  # what a pop takes is below 64 bits


@dataclasses.dataclass(frozen=True, eq=False)
class LocalBitsBackCodec(ChainCodec):
    """A package of a flow, with two precisions.

    bin_bits: the grid is 2^-bin_bits wide.  posterior_bits: sigma is 2^-posterior_bits.
    """

    bin_bits: int = GRID_BITS
    posterior_bits: int = LOCAL_BITS

    portable = False

    def __post_init__(self):
        if not isinstance(self.package.model, ContinuousFlow):
            raise ConfigError(f"{self.package.name} is no flow, which local bits-back codes; give one (kind='flow_pp')")
        if not (4 <= self.posterior_bits < self.bin_bits and 10 <= self.bin_bits <= 36):
            given = f"bin_bits={self.bin_bits}, posterior_bits={self.posterior_bits}"
            raise ConfigError(f"{given}: need 4 <= posterior_bits < bin_bits, and 10 <= bin_bits <= 36")

    @property
    def magic(self) -> int:
        return message.LOCAL

    def enough_words(self, height: int, width: int) -> int:
        return self.n_dims(height, width) * (self._model.maps_per_value + 1) * _WORDS_PER_EXCHANGE + 8

    def n_dims(self, height: int, width: int) -> int:
        """Numbers of an image: as many as pixel values."""
        return height * width * 3

    def _least_bits(self, height: int, width: int) -> int:
        return self.n_dims(height, width) * (self.bin_bits - 4)  # of z, the uniform bits alone

    def _push_image(self, stack: SymbolStack, image: np.ndarray, ledger: Ledger) -> None:
        x, walk = image[None].astype(np.float64), Exchange(stack, self._grid, 2.0**-self.posterior_bits)
        net, params = ExactNet(), self.package.exact_params

        def exchange(elementwise, given):
            return walk.push(elementwise, given, ledger)

        before = stack.n_bits
        e = self._grid.numbers(self._standard(x.shape).draw(stack)).reshape(x.shape)
        ledger.popped(before - stack.n_bits)
        u = self._model.dequantise(net, params, exchange, e, x)
        z = self._model.flow(net, params, exchange, x + u)
        before = stack.n_bits
        self._standard(x.shape).push(stack, self._grid.cells(z.ravel()))
        ledger.pushed(stack.n_bits - before)

    def _pop_image(self, stack: SymbolStack, size: tuple[int, int]) -> np.ndarray:
        shape, walk = (1, *size, 3), Exchange(stack, self._grid, 2.0**-self.posterior_bits)
        net, params = ExactNet(), self.package.exact_params
        z = self._grid.numbers(self._standard(shape).pop(stack)).reshape(shape)
        v = self._model.flow_back(net, params, walk.pop, z)
        x = np.floor(v)
        if x.min() < 0 or x.max() > 255:
            raise CorruptFile("the message is damaged: it gives pixels that are none")
        e = self._model.dequantise_back(net, params, walk.pop, v - x, x)
        self._standard(shape).undraw(stack, self._grid.cells(e.ravel()))
        return x[0].astype(np.uint8)

    def _standard(self, shape: tuple[int, ...]) -> GridNormals:
        """N(0, 1) for every element."""
        n = int(np.prod(shape))
        return GridNormals(np.zeros(n), np.ones(n), self._grid)

    @property
    def _grid(self) -> Grid:
        return Grid(-(2.0 ** (_RANGE_BITS - 1)), self.bin_bits + _RANGE_BITS, self.bin_bits)

    @property
    def _model(self) -> ContinuousFlow:
        assert isinstance(self.package.model, ContinuousFlow)
        return self.package.model


class Exchange:
    """Exchanges the numbers at the ends of a map on a stack; both are arrays of one shape, cells of their grids."""

    def __init__(self, stack: SymbolStack, grid: Grid, sigma: float):
        self._stack, self._grid, self._sigma = stack, grid, sigma

    def push(self, elementwise: Any, x: np.ndarray, ledger: Ledger) -> np.ndarray:
        """y for x, chunk by chunk."""
        shape, x, y = x.shape, x.ravel(), np.empty(x.size)
        above = self._grid_above(elementwise)
        for where in _chunks(x.size):
            part = elements(elementwise, shape, where)
            before = self._stack.n_bits
            y[where] = above.numbers(self._forward(part, x[where], above).draw(self._stack))
            between = self._stack.n_bits
            ledger.popped(before - between)
            self._backward(part, y[where]).push(self._stack, self._grid.cells(x[where]))
            ledger.pushed(self._stack.n_bits - between)
        return y.reshape(shape)

    def pop(self, elementwise: Any, y: np.ndarray) -> np.ndarray:
        """x for y: `push` undone, last chunk first."""
        shape, y, x = y.shape, y.ravel(), np.empty(y.size)
        above = self._grid_above(elementwise)
        for where in reversed(_chunks(y.size)):
            part = elements(elementwise, shape, where)
            x[where] = self._grid.numbers(self._backward(part, y[where]).pop(self._stack))
            self._forward(part, x[where], above).undraw(self._stack, above.cells(y[where]))
        return x.reshape(shape)

    def _forward(self, part: ElementwiseMap, x: np.ndarray, grid: Grid) -> GridNormals:
        """The law of y."""
        with np.errstate(all="ignore"):  # a damaged message leads anywhere
            loc, log_slope = part.forward(x, np)
            return GridNormals(loc, self._sigma * np.exp(log_slope), grid)

    def _backward(self, part: ElementwiseMap, y: np.ndarray) -> GridNormals:
        """The law of x."""
        with np.errstate(all="ignore"):
            return GridNormals(part.inverse(y), np.full(len(y), self._sigma), self._grid)

    def _grid_above(self, elementwise: Any) -> Grid:
        """Of y: what a sigmoid gives lies in 0 .. 1."""
        fraction_bits = self._grid.fraction_bits
        return Grid(0.0, fraction_bits, fraction_bits) if isinstance(elementwise, Sigmoid) else self._grid


def _chunks(n: int) -> list[slice]:
    size = -(-n // _CHUNKS)
    return [slice(first, min(first + size, n)) for first in range(0, n, size)]

"""Real numbers as integers, cells of a fine grid, and normal laws over them: what local bits-back pops and pushes.

A normal law N(m, s^2) over cells of width 2^-b is coded in two parts. Cells are counted from m's own; 2^k of them are a
block, 2^k the power of two that makes s between 16 and 32 blocks. The block is a symbol of constriction's integer
normal law, the cell within it k uniform bits. A block is flat where the density is not, which costs below
(1/16)^2 / 24 = 1.6e-4 nats.

Drawn cells lie in the SPAN blocks to each side. A given cell may lie outside: then an extra symbol says so, of
probability 2^-24 at least, and the cell follows in full. So every cell can be pushed, and what is popped and pushed
back costs nothing for it. Cells wrap around: the grid is a circle.
"""

from typing import NamedTuple

import numpy as np

from rec_jax.core.errors import CorruptFile
from rec_jax.entropy.stack import SymbolStack

SPAN = 192  # blocks to each side: 6 to 12 times s
_BLOCK_BITS = 5  # s is below 2^5 blocks
_MOST_BITS = 24  # of one uniform symbol


class Grid(NamedTuple):
    """Cells of width 2^-fraction_bits from `first` on, 2^n_bits of them; a cell stands for its middle."""

    first: float
    n_bits: int
    fraction_bits: int

    def numbers(self, cells: np.ndarray) -> np.ndarray:
        """What cells int64 stand for: float64, exact."""
        return self.first + (cells + 0.5) * 2.0**-self.fraction_bits

    def cells(self, numbers: np.ndarray) -> np.ndarray:
        """The cells that numbers lie in, or the first or last one where they lie outside; int64."""
        places = (numbers - self.first) * 2.0**self.fraction_bits
        inside = np.clip(np.nan_to_num(places), 0.0, 2.0**self.n_bits - 1.0)
        return np.floor(inside).astype(np.int64)


class GridNormals:
    """N(loc, scale^2) over a grid, of D elements each; scale is at least a cell and at most 1/32 of the grid."""

    def __init__(self, loc: np.ndarray, scale: np.ndarray, grid: Grid):
        self._grid = grid
        self._middle = grid.cells(loc)
        steps = np.nan_to_num(scale * 2.0**grid.fraction_bits, nan=1.0, posinf=np.inf)
        steps = np.clip(steps, 1.0, 2.0 ** (grid.n_bits - 5))
        self._cell_bits = np.maximum(np.frexp(steps)[1].astype(np.int64) - _BLOCK_BITS, 0)
        self._spreads = np.ldexp(steps, -self._cell_bits)

    def draw(self, stack: SymbolStack) -> np.ndarray:
        """Cells int64 [D], by the bits on the stack."""
        blocks = stack.pop_normal(self._spreads, -SPAN, SPAN)
        return self._cells(blocks, _pop_bits(stack, self._cell_bits))

    def undraw(self, stack: SymbolStack, cells: np.ndarray) -> None:
        """Pushes what `draw` popped; CorruptFile for cells that it never gives."""
        blocks, within = self._parts(cells)
        if np.abs(blocks).max(initial=0) > SPAN:
            raise CorruptFile("the message is damaged: a number lies where its law never draws one")
        _push_bits(stack, within, self._cell_bits)
        stack.push_normal(blocks, self._spreads, -SPAN, SPAN)

    def push(self, stack: SymbolStack, cells: np.ndarray) -> None:
        """Pushes any cells int64 [D]."""
        blocks, within = self._parts(cells)
        outside = np.abs(blocks) > SPAN
        _push_bits(stack, cells[outside], np.full(outside.sum(), self._grid.n_bits))
        _push_bits(stack, within[~outside], self._cell_bits[~outside])
        stack.push_normal(np.where(outside, SPAN + 1, blocks), self._spreads, -SPAN, SPAN + 1)

    def pop(self, stack: SymbolStack) -> np.ndarray:
        """What `push` pushed."""
        blocks = stack.pop_normal(self._spreads, -SPAN, SPAN + 1)
        outside = blocks > SPAN
        within = np.zeros_like(blocks)
        within[~outside] = _pop_bits(stack, self._cell_bits[~outside])
        cells = self._cells(blocks, within)
        cells[outside] = _pop_bits(stack, np.full(outside.sum(), self._grid.n_bits))
        return cells

    def _cells(self, blocks: np.ndarray, within: np.ndarray) -> np.ndarray:
        cells = self._first() + (blocks << self._cell_bits) + within
        return cells & ((1 << self._grid.n_bits) - 1)

    def _parts(self, cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = 1 << (self._grid.n_bits - 1)
        away = ((cells - self._first() + half) & (2 * half - 1)) - half
        return away >> self._cell_bits, away & ((1 << self._cell_bits) - 1)

    def _first(self) -> np.ndarray:
        """Of the block in the middle."""
        return self._middle - ((1 << self._cell_bits) >> 1)


def _push_bits(stack: SymbolStack, values: np.ndarray, n_bits: np.ndarray) -> None:
    """Pushes values[i] of n_bits[i] bits, up to 48."""
    low = np.minimum(n_bits, _MOST_BITS)
    stack.push_below(values & ((1 << low) - 1), 1 << low)
    stack.push_below(values >> low, 1 << (n_bits - low))


def _pop_bits(stack: SymbolStack, n_bits: np.ndarray) -> np.ndarray:
    low = np.minimum(n_bits, _MOST_BITS)
    high = stack.pop_below(1 << (n_bits - low))
    return (high << low) + stack.pop_below(1 << low)

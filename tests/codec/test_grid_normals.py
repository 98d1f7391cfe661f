"""Normal laws over cells of a fine grid: every cell comes back, bits are given back, costs are those of the density."""

import numpy as np
import pytest

from rec_jax.codec.grid_normals import SPAN, Grid, GridNormals
from rec_jax.core.errors import CorruptFile
from rec_jax.entropy.stack import SymbolStack

GRID = Grid(-256.0, 41, 32)
RNG = np.random.default_rng(0)


def random_words(n):
    return np.random.default_rng(1).integers(0, 2**32, n, np.uint32)


def laws(n=300, grid=GRID):
    """Of all scales, from below a cell to beyond the grid, some with what a damaged message makes of them."""
    loc, scale = RNG.normal(0, 50, n), np.exp(RNG.uniform(-30, 8, n))
    loc[:4], scale[:4] = [np.nan, 1e30, -255.9999, 5.0], [1.0, np.inf, 3.0, np.nan]
    return GridNormals(loc, scale, grid)


@pytest.mark.parametrize("grid", [GRID, Grid(0.0, 32, 32), Grid(-256.0, 25, 16)])
def test_bits_that_draw_cells_are_given_back(grid):
    words, normals = random_words(4000), laws(grid=grid)
    stack = SymbolStack(words)
    cells = normals.draw(stack)
    assert cells.min() >= 0 and cells.max() < 2**grid.n_bits
    normals.undraw(stack, cells)
    np.testing.assert_array_equal(stack.start(), words)


@pytest.mark.parametrize("grid", [GRID, Grid(0.0, 32, 32), Grid(-256.0, 25, 16)])
def test_any_cells_come_back(grid):
    words, normals = random_words(4), laws(grid=grid)
    near = normals.draw(SymbolStack(random_words(4000)))
    cells = np.where(np.arange(len(near)) % 2, near, RNG.integers(0, 2**grid.n_bits, len(near)))
    cells[:2] = 0, 2**grid.n_bits - 1
    stack = SymbolStack(words)
    normals.push(stack, cells)
    np.testing.assert_array_equal(normals.pop(stack), cells)
    np.testing.assert_array_equal(stack.start(), words)


def test_draws_have_the_law_and_cost_its_information():
    n, loc, scale = 20_000, 1.25, 3e-4
    normals = GridNormals(np.full(n, loc), np.full(n, scale), GRID)
    stack = SymbolStack(random_words(30_000))
    before = stack.n_bits
    drawn = GRID.numbers(normals.draw(stack))
    np.testing.assert_allclose([drawn.mean() - loc, drawn.std() / scale], [0, 1], atol=0.02)
    unit = (drawn - loc) / scale
    information = 32 * n + np.sum(0.5 * unit**2 / np.log(2) + np.log2(scale * np.sqrt(2 * np.pi)))
    assert (before - stack.n_bits) / n == pytest.approx(information / n, abs=0.003)


def test_cells_and_numbers():
    cells = np.array([0, 1, 2**40, 2**41 - 1])
    np.testing.assert_array_equal(GRID.cells(GRID.numbers(cells)), cells)
    assert GRID.numbers(cells)[2] == 2.0**-33
    np.testing.assert_array_equal(GRID.cells(np.array([-300.0, 300.0, np.inf])), [0, 2**41 - 1, 2**41 - 1])


def test_what_is_never_drawn_is_damage():
    normals = GridNormals(np.zeros(1), np.full(1, 2.0**-14), GRID)
    far = GRID.cells(np.array([2.0**-14 * (SPAN + 2) / 16]))
    with pytest.raises(CorruptFile, match="where its law never draws"):
        normals.undraw(SymbolStack(random_words(8)), far)

"""Tiles cover every picture once, in few shapes."""

import itertools

import numpy as np
import pytest

from rec_jax.codec.tiles import LARGE, SMALL, cut_tile, tile_side, tiles

SIZES = [(1, 1), (1, 7), (33, 5), (32, 32), (64, 64), (65, 64), (100, 130)]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_tiles_cover_every_pixel_once(height, width):
    side = tile_side(height, width, 4)
    covered = np.zeros((height, width), int)
    for tile in tiles(height, width, side):
        assert 1 <= tile.height <= side and 1 <= tile.width <= side
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert (covered == 1).all()


def test_pictures_up_to_the_small_side_are_one_small_tile():
    assert [tile_side(h, w, 4) for h, w in ((1, 1), (32, 32), (33, 1), (1, 33), (500, 500))] == [32, 32, 64, 64, 64]
    assert len(list(tiles(32, 32, SMALL))) == 1 and len(list(tiles(65, 64, LARGE))) == 2


@pytest.mark.parametrize("stride", [2, 4, 6, 8, 20, 128])
def test_sides_are_multiples_of_the_stride(stride):
    for size in (1, 32, 33, 64):
        side = tile_side(size, size, stride)
        assert side % stride == 0 and side >= min(size, LARGE)


def test_tiles_of_a_huge_claim_cost_nothing():
    first = list(itertools.islice(tiles(1, 2**28, LARGE), 3))
    assert [tile.left for tile in first] == [0, 64, 128]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_a_cut_tile_is_the_picture_and_repeats_its_edge(height, width):
    image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    side = tile_side(height, width, 4)
    for tile in tiles(height, width, side):
        cut = cut_tile(image, tile, side)
        assert cut.shape == (side, side, 3) and cut.dtype == np.uint8
        part = image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        np.testing.assert_array_equal(cut[: tile.height, : tile.width], part)
        np.testing.assert_array_equal(cut[-1, -1], part[-1, -1])

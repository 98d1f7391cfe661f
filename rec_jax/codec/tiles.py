"""Cutting pictures of any size into tiles of few fixed shapes, so that a never-seen size compiles nothing new."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

SMALL, LARGE = 32, 64  # sides of the tiles: pictures up to 32x32 are one small tile, all others are cut into large ones


class Tile(NamedTuple):
    """Where a tile lies in its picture; `height` and `width` of it are real, the rest is padding."""

    top: int
    left: int
    height: int
    width: int


def tile_side(height: int, width: int, stride: int) -> int:
    """Side of a picture's tiles: the smaller of the two that the picture needs, rounded up to the model's stride."""
    side = SMALL if max(height, width) <= SMALL else LARGE
    return -(-side // stride) * stride


def tiles(height: int, width: int, side: int) -> Iterator[Tile]:
    """The tiles of a picture, row by row; one at a time, because a damaged header may claim millions of them."""
    for top in range(0, height, side):
        for left in range(0, width, side):
            yield Tile(top, left, min(side, height - top), min(side, width - left))


def cut_tile(image: np.ndarray, tile: Tile, side: int) -> np.ndarray:
    """uint8 [side, side, 3], padded by repeating the last row and column."""
    part = image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
    return np.pad(part, ((0, side - tile.height), (0, side - tile.width), (0, 0)), mode="edge")

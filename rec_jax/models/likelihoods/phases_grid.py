"""Which pixels a phase holds: a picture's squares at each level, their four kinds, blocks, and what surrounds them.

Level l holds the picture at every 2^l-th row and column; in each 2x2 square of it 00 is the next level's.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from rec_jax.models.likelihoods.base import Phase

KINDS = ("00", "11", "01", "10")  # row and column in a square; a Phase's kind is an index into it
BLOCK = 1 << 15  # pixels of a phase that are coded together
PART = 1 << 13  # pixels of a block that are computed together

Spans = tuple[range, range]  # rows and columns of squares


def whole_phase(level: int, kind: int, height: int, width: int) -> Phase:
    """All pixels of a kind in a picture's squares at a level; kind 0: what stays below `level` levels."""
    (row, column), step = _offset(level, kind), 2 << level if kind else 1 << level
    return Phase(row, column, step, kind, len(range(row, height, step)), len(range(column, width, step)))


def blocks(whole: Phase) -> Iterator[Phase]:
    """A phase cut into phases of at most BLOCK pixels, row by row; none if it has no pixels."""
    if not (whole.height and whole.width):
        return
    w = min(whole.width, BLOCK)
    h = BLOCK // w
    for top in range(0, whole.height, h):
        for left in range(0, whole.width, w):
            at = (whole.top + top * whole.step, whole.left + left * whole.step)
            yield Phase(*at, whole.step, whole.kind, min(h, whole.height - top), min(w, whole.width - left))


def parts(block: Phase) -> list[Phase]:
    """A block cut along its longer sides into phases of at most PART pixels."""
    h, w = block.height, block.width
    while h * w > PART:
        h, w = (-(-h // 2), w) if h > w else (h, -(-w // 2))
    return [
        block._replace(
            top=block.top + top * block.step,
            left=block.left + left * block.step,
            height=min(h, block.height - top),
            width=min(w, block.width - left),
        )
        for top in range(0, block.height, h)
        for left in range(0, block.width, w)
    ]


def level_of(phase: Phase) -> int:
    """Of a phase of kind 11, 01 or 10."""
    return phase.step.bit_length() - 2


def spans(pixels: Any, phase: Phase, reach: int) -> Spans:
    """A block's squares and so many around it, as far as there are any."""
    rows, columns = (
        range(max(0, top // phase.step - reach), min(-(-size // phase.step), top // phase.step + n + reach))
        for size, top, n in (
            (pixels.shape[1], phase.top, phase.height),
            (pixels.shape[2], phase.left, phase.width),
        )
    )
    return rows, columns


def known_planes(pixels: Any, phase: Phase, where: Spans, xp: Any) -> list[Any]:
    """The pixels of the square's earlier kinds in some rows and columns of squares.

    pixels [B, H, W, 3]. Each plane is [B, h, w, 3] on the grid of 00. Where the picture ends before a square does, the
    last row and column stand for what is missing; a plane of nothing is the first one again.
    """
    step, (rows, columns) = phase.step, where
    planes: list[Any] = []
    for kind in range(phase.kind):
        row, column = _offset(level_of(phase), kind)
        at = (row + rows.start * step, column + columns.start * step)
        part = Phase(*at, step, kind, len(rows), len(columns)).of(pixels)
        planes.append(_grown(part, len(rows), len(columns), xp) if 0 not in part.shape[1:3] else planes[0])
    return planes


def around(x: Any, have: Spans, want: Spans, reach: int, xp: Any) -> Any:
    """Of x [B, h, w, C] on squares `have`: those in reach of `want`; x's border stands for what it does not have."""
    pads = [(0, 0)]
    for axis, (old, new) in enumerate(zip(have, want, strict=True), 1):
        before, after = new.start - reach - old.start, old.stop - (new.stop + reach)
        x = x[(slice(None),) * axis + (slice(max(0, before), len(old) - max(0, after)),)]
        pads.append((max(0, -before), max(0, -after)))
    return xp.pad(x, (*pads, (0, 0)), mode="edge") if any(map(any, pads)) else x


def outside(pixels: Any, phase: Phase, where: Spans, reach: int) -> np.ndarray:
    """1 for the squares in reach of `where` that the picture has not, 0 for the others: float32 [1, h, w, 1]."""
    rows, columns = (
        np.array([not 0 <= square < -(-size // phase.step) for square in range(some.start - reach, some.stop + reach)])
        for size, some in zip(pixels.shape[1:3], where, strict=True)
    )
    return (rows[:, None] | columns).astype(np.float32)[None, ..., None]


def _grown(plane: Any, height: int, width: int, xp: Any) -> Any:
    missing = (height - plane.shape[1], width - plane.shape[2])
    return xp.pad(plane, ((0, 0), *((0, n) for n in missing), (0, 0)), mode="edge") if any(missing) else plane


def _offset(level: int, kind: int) -> tuple[int, int]:
    """Row and column of a kind's first pixel."""
    row, column = divmod(int(KINDS[kind]), 10)
    return row << level, column << level

"""Which pixels a phase holds: a picture's squares at each level, their four kinds, blocks, and what surrounds them.

Level l holds the picture at every 2^l-th row and column; in each 2x2 square of it 00 is the next level's.
"""

from collections.abc import Iterator
from typing import Any

from rec_jax.models.likelihoods.base import Phase

KINDS = ("00", "11", "01", "10")  # row and column in a square; a Phase's kind is an index into it
BLOCK = 1 << 15  # pixels of a phase that are computed and coded together


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


def level_of(phase: Phase) -> int:
    """Of a phase of kind 11, 01 or 10."""
    return phase.step.bit_length() - 2


def known_planes(pixels: Any, phase: Phase, halo: int, xp: Any) -> tuple[list[Any], Any]:
    """The pixels of the square's earlier kinds around a block, and a function that cuts the block out of such arrays.

    pixels [B, H, W, 3]. Each plane is [B, h, w, 3] on the grid of 00, `halo` squares around the block as far as there
    are any. Where the picture ends before a square does, the last row and column stand for what is missing; a plane of
    nothing is the first one again.
    """
    step = phase.step
    spans, cuts = [], []
    for size, top, n in ((pixels.shape[1], phase.top, phase.height), (pixels.shape[2], phase.left, phase.width)):
        first, n_squares = top // step, -(-size // step)
        start, end = max(0, first - halo), min(n_squares, first + n + halo)
        spans.append((start, end - start))
        cuts.append(slice(first - start, first - start + n))
    planes: list[Any] = []
    for kind in range(phase.kind):
        row, column = _offset(level_of(phase), kind)
        (top, height), (left, width) = spans
        part = Phase(row + top * step, column + left * step, step, kind, height, width).of(pixels)
        planes.append(_grown(part, height, width, xp) if 0 not in part.shape[1:3] else planes[0])
    return planes, lambda x: x[:, cuts[0], cuts[1]]


def _grown(plane: Any, height: int, width: int, xp: Any) -> Any:
    missing = (height - plane.shape[1], width - plane.shape[2])
    return xp.pad(plane, ((0, 0), *((0, n) for n in missing), (0, 0)), mode="edge") if any(missing) else plane


def _offset(level: int, kind: int) -> tuple[int, int]:
    """Row and column of a kind's first pixel."""
    row, column = divmod(int(KINDS[kind]), 10)
    return row << level, column << level

"""p(x) by phases over levels, without latents: every pixel given pixels all around it, a quarter picture at a time.

Level l holds the picture at every 2^l-th row and column. Of each 2x2 square of it, 00 is the next level's; then come
11 (given 00), 01 (given 00, 11) and 10 (given all three), each from a small network over the known phases within a
window of the coarser grid, down to one pixel, which has a learned law. (Parallel multiscale PixelCNN, Reed et al.
2017, arXiv:1703.03664, with one phase per pixel of the square.)

Of each pixel, channel c in the order R, G, B is a mixture of n logistics (base.py) with

    loc_c = base_c + m_c + sum_{c' < c} slope_{c'c} (x_{c'} - base_{c'})

where `base` is a linear prediction from the window, and logits, m, scales and slopes are the network's.

Phases are cut into blocks, so that memory does not grow with the picture. A network sees no further than a few
squares, so a block's mixtures are those that the whole phase would give.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rec_jax.models.likelihoods.base import Phase, PixelParams

KINDS = ("00", "11", "01", "10")  # row and column in a square; a Phase's kind is an index into it
M_BITS = 4  # the network puts m out in units of 1/16
BLOCK = 1 << 15  # pixels of a phase that are computed and coded together
PART = 1 << 13  # pixels of a block that are computed together


@dataclass(frozen=True)
class Phases:
    """The networks of the levels: set i serves level i, the last set all coarser levels too.

    A network: `first` (window x window), a block with a 3x3 convolution between two pointwise ones (none if spatial
    is 0), n_pointwise blocks of two pointwise layers, `last`. Blocks are residual; ReLU everywhere.

    widths: channels of each set.  spatial: inner channels of each set's 3x3 block.  window: odd.
    """

    n_components: int = 4
    widths: tuple[int, ...] = (96, 128, 128)
    spatial: tuple[int, ...] = (32, 48, 48)
    n_pointwise: int = 1
    window: int = 5

    n_outputs = 0  # there is no network before it

    # ---- parameters ----------------------------------------------------------------------------------------------

    def init(self, x, xp):
        """Of random networks that change little yet; the base predicts the pixel at 00."""
        del x
        n, rng = self.n_components, np.random.Generator(np.random.Philox(0))
        coarsest = {
            "logits": np.zeros((3, n)),
            "loc": np.tile(np.linspace(-0.3, 0.3, n), (3, 1)),
            "log_scale": np.full((3, n), -2.5),
            "slopes": np.tile([[1.0], [0.0], [1.0]], (1, n)),
        }
        sets = {
            str(i): {KINDS[kind]: self._init_network(rng, width, inner, kind) for kind in (1, 2, 3)}
            for i, (width, inner) in enumerate(zip(self.widths, self.spatial, strict=True))
        }
        return _arrays({"coarsest": coarsest, "sets": sets}, xp)

    def _init_network(self, rng, width: int, inner: int, kind: int):
        n, size = self.n_components, self.window
        base = np.zeros((size, size, 3 * kind, 3))
        base[size // 2, size // 2, :3] = np.eye(3)
        network = {"base": {"w": base, "b": np.zeros(3)}, "first": _init_conv(rng, size, 3 * kind, width)}
        if inner:
            network["in"] = _init_conv(rng, 1, width, inner)
            network["mix"] = _init_conv(rng, 3, inner, inner)
            network["out"] = _init_conv(rng, 1, inner, width, 0.3)
        for i in range(self.n_pointwise):
            network[f"up{i}"] = _init_conv(rng, 1, width, width)
            network[f"down{i}"] = _init_conv(rng, 1, width, width, 0.3)
        network["last"] = _init_conv(rng, 1, width, 12 * n, 0.05)
        start = np.zeros((4, 3, n))
        start[2] = -3.5 + (np.linspace(-1.2, 1.2, n) if n > 1 else 0.0)
        start[3, ::2] = 1.0  # green follows red, and blue green
        network["last"]["b"] = start.reshape(-1)
        return network

    # ---- order ---------------------------------------------------------------------------------------------------

    def phases(self, height: int, width: int) -> list[Phase]:
        """The last pixel, then of each level, coarsest first, the three kinds, each in blocks, row by row."""
        n_levels = max(height - 1, width - 1).bit_length()
        found = [Phase(0, 0, 1 << n_levels, 0, 1, 1)]
        for level in reversed(range(n_levels)):
            for kind in (1, 2, 3):
                found += _blocks(level, kind, height, width)
        return found

    def parts(self, phase: Phase) -> list[Phase]:
        """Halves of halves, along the longer side: a part's numbers fit a processor's cache."""
        h, w = phase.height, phase.width
        while h * w > PART:
            h, w = (-(-h // 2), w) if h > w else (h, -(-w // 2))
        return [
            phase._replace(
                top=phase.top + top * phase.step,
                left=phase.left + left * phase.step,
                height=min(h, phase.height - top),
                width=min(w, phase.width - left),
            )
            for top in range(0, phase.height, h)
            for left in range(0, phase.width, w)
        ]

    def reads(self, phase: Phase, earlier: Phase) -> bool:
        """Phases of other steps or kinds, where they are near; blocks of one kind do not see each other."""
        if (earlier.step, earlier.kind) == (phase.step, phase.kind):
            return False
        reach = (self._halo(phase) + 1) * phase.step
        return all(
            first - reach < e_first + e_n * earlier.step and e_first < first + n * phase.step + reach
            for first, n, e_first, e_n in (
                (phase.top, phase.height, earlier.top, earlier.height),
                (phase.left, phase.width, earlier.left, earlier.width),
            )
        )

    # ---- networks ------------------------------------------------------------------------------------------------

    def rows(self, net, params, outputs, pixels, phase, depth=8):
        """See base.Likelihood; outputs are not looked at."""
        if phase.kind == 0:
            shape = (len(pixels), 1, 1, 3, self.n_components)
            return PixelParams(*(net.xp.broadcast_to(params["coarsest"][name], shape) for name in PixelParams._fields))
        p = params["sets"][str(self._set(phase))][KINDS[phase.kind]]
        outer, middle, block = (_spans(pixels, phase, reach) for reach in (self._halo(phase), int("mix" in p), 0))
        x = net.concat([net.pixels(plane, depth) for plane in known_planes(pixels, phase, outer, net.xp)])
        base = net.output_conv(p["base"], _around(x, outer, block, self.window // 2, net.xp), valid=True)
        y = net.conv_relu(p["first"], _around(x, outer, middle, self.window // 2, net.xp), valid=True)
        if "mix" in p:
            inner = _around(net.conv_relu(p["in"], y), middle, block, 1, net.xp)
            inner = net.conv_relu(p["mix"], inner, valid=True)
            y = net.add_relu(_around(y, middle, block, 0, net.xp), net.conv(p["out"], inner))
        for i in range(self.n_pointwise):
            y = net.add_relu(y, net.conv(p[f"down{i}"], net.conv_relu(p[f"up{i}"], y)))
        return self._pixel_params(net, base, net.output_conv(p["last"], y))

    def _set(self, phase: Phase) -> int:
        return min(_level(phase), len(self.widths) - 1)

    def _halo(self, phase: Phase) -> int:
        """How many squares away a network looks."""
        return self.window // 2 + (self.spatial[self._set(phase)] > 0)

    def _pixel_params(self, net, base, outputs):
        out = outputs.reshape(*outputs.shape[:-1], 4, 3, self.n_components)
        logits, m, log_scale, slopes = (out[..., i, :, :] for i in range(4))
        m = net.halve(m, M_BITS)
        red, green, blue = (base[..., c, None] for c in range(3))
        locs = [
            m[..., 0, :] + red,
            m[..., 1, :] + green - net.multiply(slopes[..., 0, :], red),
            m[..., 2, :] + blue - net.multiply(slopes[..., 1, :], red) - net.multiply(slopes[..., 2, :], green),
        ]
        return PixelParams(logits, net.xp.stack(locs, axis=-2), log_scale, slopes)


def known_planes(pixels: Any, phase: Phase, spans: "_Spans", xp: Any) -> list[Any]:
    """The pixels of the square's earlier kinds in some rows and columns of squares.

    pixels [B, H, W, 3]. Each plane is [B, h, w, 3] on the grid of 00. Where the picture ends before a square does, the
    last row and column stand for what is missing; a plane of nothing is the first one again.
    """
    step, (rows, columns) = phase.step, spans
    planes: list[Any] = []
    for kind in range(phase.kind):
        row, column = _offset(_level(phase), kind)
        at = (row + rows.start * step, column + columns.start * step)
        part = Phase(*at, step, kind, len(rows), len(columns)).of(pixels)
        planes.append(_grown(part, len(rows), len(columns), xp) if 0 not in part.shape[1:3] else planes[0])
    return planes


_Spans = tuple[range, range]  # rows and columns of squares


def _spans(pixels: Any, phase: Phase, reach: int) -> _Spans:
    """A block's squares and so many around it as far as there are any."""
    rows, columns = (
        range(max(0, top // phase.step - reach), min(-(-size // phase.step), top // phase.step + n + reach))
        for size, top, n in (
            (pixels.shape[1], phase.top, phase.height),
            (pixels.shape[2], phase.left, phase.width),
        )
    )
    return rows, columns


def _around(x: Any, have: _Spans, want: _Spans, reach: int, xp: Any) -> Any:
    """Of x [B, h, w, C] on squares `have`: those in reach of `want`; x's border stands for what it does not have."""
    pads = [(0, 0)]
    for axis, (old, new) in enumerate(zip(have, want, strict=True), 1):
        before, after = new.start - reach - old.start, old.stop - (new.stop + reach)
        x = x[(slice(None),) * axis + (slice(max(0, before), len(old) - max(0, after)),)]
        pads.append((max(0, -before), max(0, -after)))
    return xp.pad(x, (*pads, (0, 0)), mode="edge") if any(map(any, pads)) else x


def _grown(plane: Any, height: int, width: int, xp: Any) -> Any:
    missing = (height - plane.shape[1], width - plane.shape[2])
    return xp.pad(plane, ((0, 0), *((0, n) for n in missing), (0, 0)), mode="edge") if any(missing) else plane


def _blocks(level: int, kind: int, height: int, width: int) -> Iterator[Phase]:
    (row, column), step = _offset(level, kind), 2 << level
    n_rows, n_columns = len(range(row, height, step)), len(range(column, width, step))
    if not (n_rows and n_columns):
        return
    w = min(n_columns, BLOCK)
    h = BLOCK // w
    for top in range(0, n_rows, h):
        for left in range(0, n_columns, w):
            at = (row + top * step, column + left * step)
            yield Phase(*at, step, kind, min(h, n_rows - top), min(w, n_columns - left))


def _level(phase: Phase) -> int:
    return phase.step.bit_length() - 2


def _offset(level: int, kind: int) -> tuple[int, int]:
    """Row and column of a kind's first pixel."""
    row, column = divmod(int(KINDS[kind]), 10)
    return row << level, column << level


def _init_conv(rng, size: int, n_in: int, n_out: int, gain: float = 1.0) -> dict[str, np.ndarray]:
    spread = gain * math.sqrt(2.0 / (size * size * n_in))
    return {"w": spread * rng.normal(size=(size, size, n_in, n_out)), "b": np.zeros(n_out)}


def _arrays(node: Any, xp: Any) -> Any:
    if isinstance(node, dict):
        return {name: _arrays(child, xp) for name, child in node.items()}
    return xp.asarray(node, np.float32)

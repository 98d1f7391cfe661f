"""The picture of the demonstration: original, decoded, difference, and bits per dimension beside PNG and WebP."""

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np

from rec_jax.codec.image_io import read_image

matplotlib.use("Agg")  # draws to files, also where there is no screen

from matplotlib import pyplot as plt

_COLOURS = {"png": "#b8bec8", "webp": "#7d8aa0", "rec": "#d1495b"}
_TITLES = {"png": "PNG", "webp": "WebP lossless", "rec": "rec_jax"}
_INK, _FAINT = "#22262e", "#6b7280"


def draw(results: list, out: Path, path: Path) -> None:
    """Draws demo.Result rows, the decoded pictures read from OUT/decoded, to `path` (1,800 pixels wide)."""
    small = [r for r in results if max(r.picture.pixels.shape) <= 32]
    large = [r for r in results if max(r.picture.pixels.shape) > 32]
    strips = [([r], r.picture.name) for r in large] + [(small, f"{len(small)} patches of 32x32")]
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 8, "text.color": _INK}):
        figure = plt.figure(figsize=(10.0, 3.75), dpi=180, facecolor="white")
        grid = figure.add_gridspec(
            len(strips), 4, width_ratios=(2, 2, 2, 2.5), height_ratios=[2] * len(large) + [1],
            left=0.01, right=0.985, top=0.925, bottom=0.05, wspace=0.05, hspace=0.12,
        )  # fmt: skip
        for row, (group, label) in enumerate(strips):
            _draw_strip(figure, [grid[row, column] for column in range(3)], group, label, out, first=row == 0)
        _draw_bars(figure.add_subplot(grid[:, 3]), strips)
        figure.savefig(path)
        plt.close(figure)


def _draw_strip(figure, cells, group, label: str, out: Path, first: bool) -> None:
    original = _mosaic(group, lambda r: r.picture.pixels)
    decoded = _mosaic(group, lambda r: _decoded(r, out))
    difference = np.abs(original.astype(int) - decoded)
    titles = ("original", "decoded from its .rec file", "difference")
    for cell, title, pixels in zip(cells, titles, (original, decoded, difference.astype(np.uint8)), strict=True):
        axes = figure.add_subplot(cell, anchor="N")
        axes.imshow(pixels, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
        if first:
            axes.set_title(title, fontsize=9, fontweight="bold", color=_INK, pad=5)
        if title == "original":
            axes.set_xlabel(label, fontsize=7.5, color=_FAINT, labelpad=2)
        if title == "difference":
            worst = int(difference.max())
            text = "0 in every pixel" if worst == 0 else f"up to {worst}"
            axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color="white", fontsize=8)


def _draw_bars(axes, strips) -> None:
    names = []
    for row, (group, label) in enumerate(strips):
        names.append(label)
        n_dims = sum(r.picture.pixels.size for r in group)
        for i, kind in enumerate(_COLOURS):
            rate_bpd = 8 * sum(getattr(r, kind) for r in group) / n_dims
            y = row + 0.27 * (i - 1)
            title = _TITLES[kind] if row == 0 else None
            axes.barh(y, rate_bpd, height=0.24, color=_COLOURS[kind], label=title)
            weight = "bold" if kind == "rec" else "normal"
            axes.text(rate_bpd, y, f" {rate_bpd:.2f}", va="center", color=_INK, fontsize=8, fontweight=weight)
        axes.text(0.0, row - 0.47, label, va="center", fontsize=8.5, color=_INK)
    axes.set(yticks=[], ylim=(len(strips) - 0.45, -0.62), xticks=[])
    axes.set_xlim(0, axes.get_xlim()[1] * 1.1)
    axes.set_title("bits per dimension, whole files", fontsize=9, fontweight="bold", color=_INK, pad=5)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.legend(loc="lower center", bbox_to_anchor=(0.45, -0.075), ncols=3, frameon=False, fontsize=8, handlelength=1)


def _decoded(result, out: Path) -> np.ndarray:
    """What was decoded; black if nothing was."""
    path = out / "decoded" / f"{result.picture.name}.png"
    return read_image(path) if path.is_file() else np.zeros_like(result.picture.pixels)


def _mosaic(group, pixels: Callable) -> np.ndarray:
    """One picture, or many of one size in two rows."""
    if len(group) == 1:
        return pixels(group[0])
    half = -(-len(group) // 2)
    rows = [[pixels(r) for r in group[:half]], [pixels(r) for r in group[half:]]]
    rows[1] += [np.full_like(rows[0][0], 255)] * (half - len(rows[1]))
    return np.concatenate([np.concatenate(row, axis=1) for row in rows])

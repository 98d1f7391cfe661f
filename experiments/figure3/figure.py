"""figure3.png and .svg: PSNR and MS-SSIM against bits per pixel; measured curves solid, published ones dashed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib

from rec_jax.core.files import open_atomic

matplotlib.use("Agg")  # draws to files, also where there is no screen

from matplotlib import pyplot as plt

OURS = ["#d1495b", "#7b2cbf", "#e07a1f", "#2a9d8f"]
RIVALS = ["#8d99ae", "#5c7cfa", "#3a9d5d", "#b08900", "#c2549d", "#17808a", "#8b5e3c", "#444c5c"]
PUBLISHED = ["#222222", "#1f4e8c", "#6f9fd8", "#2f7d32", "#8bc48e", "#5d4037", "#9c6ade", "#c9302c", "#e58a86"]
PUBLISHED += ["#c9302c", "#e58a86"]
OPTIMISED_FOR = {"psnr_db": ("", "mse"), "ms_ssim_db": ("", "ms_ssim")}  # whose published curves a panel shows
_LIMITS = {"psnr_db": (22.5, 42.5), "ms_ssim_db": (6.0, 25.0)}
MAX_BPP = 2.0


def colours(figure: dict[str, Any]) -> dict[str, str]:
    """curve's id -> colour, the same in the figure and on the page; files and ideal points share one."""
    found: dict[str, str] = {}
    for palette, ours in ((OURS, True), (RIVALS, False)):
        methods = list(dict.fromkeys(curve["method"] for curve in figure["curves"] if curve["ours"] == ours))
        of_method = {method: palette[i % len(palette)] for i, method in enumerate(methods)}
        mine = [curve for curve in figure["curves"] if curve["ours"] == ours]
        found |= {curve["id"]: of_method[curve["method"]] for curve in mine}
    return found | {curve["id"]: PUBLISHED[i % len(PUBLISHED)] for i, curve in enumerate(figure["published"])}


def draw(figure: dict[str, Any], workdir: Path) -> None:
    """WORKDIR/figure3.png, 2,000 pixels wide, and figure3.svg, whole or not at all."""
    with plt.rc_context({"font.family": "DejaVu Sans", "font.size": 8, "svg.hashsalt": "figure3"}):
        sheet, panels = plt.subplots(1, 2, figsize=(12.5, 6.2), layout="constrained", facecolor="white")
        for axes, metric in zip(panels, figure["metrics"], strict=True):
            _panel(axes, metric, figure)
        sheet.suptitle(_title(figure), fontsize=9)
        for kind, metadata in (("png", {}), ("svg", {"Date": None})):
            with open_atomic(workdir / f"figure3.{kind}") as file:
                sheet.savefig(file, format=kind, dpi=160, metadata=metadata)
        plt.close(sheet)


def _title(figure: dict[str, Any]) -> str:
    note = f" ({figure['stand_in']})" if figure["stand_in"] else ""
    means = f"means over {len(figure['pictures'])} pictures at a constant setting"
    published = "; dashed: published" if figure["published"] else ""
    return f"{figure['data']}{note}, {means}. Solid: measured on real files{published}; dotted: ideal"


def _panel(axes, metric: str, figure: dict[str, Any]) -> None:
    palette = colours(figure)
    for label, points, style in lines(metric, figure):
        axes.plot(*zip(*points, strict=True), label=label, color=palette[style.pop("curve")], **style)
    axes.set(xlabel="bits per pixel", ylabel=figure["metrics"][metric], xlim=(0, MAX_BPP), ylim=_LIMITS[metric])
    axes.grid(color="#e3e6eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    if axes.lines:
        axes.legend(fontsize=6.5, loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")


def lines(metric: str, figure: dict[str, Any]) -> Iterator[tuple[str, list, dict[str, Any]]]:
    """(label, points, style with the curve's id) of a panel."""
    for curve in figure["published"]:
        if curve[metric] and curve["optimised_for"] in OPTIMISED_FOR[metric]:
            style = dict(linestyle=":" if curve["ideal"] else "--", linewidth=1.0, curve=curve["id"])
            yield f"{curve['title']}, published", curve[metric], style
    for curve in figure["curves"]:
        points = list(zip(curve["means"]["bpp"], curve["means"][metric], strict=True))
        partial = curve["n_pictures"] < curve["n_pictures_wanted"]
        note = f" (partial: {curve['n_pictures']} of {curve['n_pictures_wanted']})" if partial else ""
        ideal = curve["kind"] == "ideal"
        style = dict(linewidth=2.2 if curve["ours"] else 1.4, marker="o", markersize=3.5 if curve["ours"] else 2.5)
        style |= dict(linestyle=":", markerfacecolor="white") if ideal else {}
        yield curve["title"] + note, points, style | dict(curve=curve["id"])

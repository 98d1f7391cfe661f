"""A lossy summary as lines of text."""

from typing import TYPE_CHECKING, NamedTuple

from rec_jax.core.estimates import Estimate
from rec_jax.core.ms_ssim import smallest_side

if TYPE_CHECKING:
    from rec_jax.evaluate.lossy_summary import LossySummary


class _Column(NamedTuple):
    heading: str
    name: str  # in the summary
    decimals: int
    percent: bool = False


_COLUMNS = (
    _Column("bpp", "bpp", 3),
    _Column("PSNR dB", "psnr_db", 2),
    _Column("MS-SSIM dB", "ms_ssim_db", 2),
    _Column("KL bpp", "kl_bpp", 3),
    _Column("side+header", "overhead", 1, percent=True),
    _Column("ideal bpp", "ideal_bpp", 3),
    _Column("ideal dB", "ideal_psnr_db", 2),
    _Column("encode s", "encode_s", 1),
    _Column("decode s", "decode_s", 1),
)


def lossy_table(summary: "LossySummary") -> str:
    """A line for each quality, and what there is to say of them."""
    columns = [column for column in _COLUMNS if column.name in summary.means]
    rows = [["quality", *(column.heading for column in columns)]]
    for i, quality in enumerate(summary.qualities):
        rows.append([str(quality), *(_cell(summary, i, column) for column in columns)])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    n_files = summary.n_images * len(summary.qualities)
    said = f"{summary.n_images} images, {n_files} files, each read back and decoded to what its encoder saw"
    return "\n".join([said, *lines, *_notes(summary)])


def _cell(summary: "LossySummary", i: int, column: _Column) -> str:
    value, error = (kind[column.name][i] for kind in (summary.means, summary.errors))
    if value is None:
        return "-"
    scale, unit = (100.0, " %") if column.percent else (1.0, "")
    if error is None:
        return f"{scale * value:.{column.decimals}f}{unit}"
    return Estimate(value, error).text(column.decimals, scale) + unit


def _loss(percent: float, summary: "LossySummary") -> str:
    error = summary.coder_loss_error
    if error is None and summary.n_images > 1:
        return f"{percent:.1f} % (no error: without some image the curves cannot be compared)"
    return f"{Estimate(percent, error).text(1)} %"


def _notes(summary: "LossySummary") -> list[str]:
    if summary.coder_loss_percent is None:
        notes = [f"coder loss not run: {summary.no_coder_loss}"]
    else:
        loss = _loss(summary.coder_loss_percent, summary)
        notes = [f"coder loss {loss}: BD-rate in PSNR of the files against the ideal points"]
    if summary.n_images > 1:
        notes.append("±: one standard error over the images, by the jackknife")
    if left_out := summary.n_images - summary.n_ms_ssim:
        notes.append(f"MS-SSIM leaves out {left_out} images with a side below {smallest_side()} pixels")
    if summary.n_exact:
        notes.append(f"{summary.n_exact} images are left out: they came back exactly at some quality, without a PSNR")
    return notes

"""What the rows of a lossy evaluation come to: the mean curve with its errors, and what the coder loses on it."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rec_jax.core.errors import RecError
from rec_jax.core.estimates import Estimate, jackknife, ratio
from rec_jax.evaluate.bd_rate import NoBdRate, bd_rate, with_jackknife
from rec_jax.evaluate.lossy_table import lossy_table
from rec_jax.evaluate.picture_quality import ms_ssim_db
from rec_jax.evaluate.summary import Summary

_PARTS = ("header", "index", "side", "kl")
_SWEPT = ("bpp", "psnr_db", "ms_ssim_db", "kl_bpp", "overhead", "encode_s", "decode_s")  # of a sweep's table


class LossySummary(NamedTuple):
    """Means over the pictures, in which each counts alike, one for each quality; errors are one standard error.

    means: bpp, of the files; header_bpp, index_bpp, side_bpp, kl_bpp (docs/NOTATION.md); overhead, the share of side
      information and header in the files; psnr_db; ms_ssim_db, of the mean of MS-SSIM; encode_s and decode_s of a
      picture; ideal_bpp and ideal_psnr_db, where there are ideal points.  None where no picture has it.
    errors: of the same; None of a single picture too.
    """

    n_images: int
    qualities: list[int]
    means: dict[str, list[float | None]]
    errors: dict[str, list[float | None]]
    coder_loss_percent: float | None  # BD-rate of the files against the ideal points, in PSNR
    coder_loss_error: float | None  # None too where some picture is needed for the number
    no_coder_loss: str  # why there is none
    n_exact: int  # pictures that are left out, as they came back exactly and have no PSNR
    n_ms_ssim: int  # pictures that are large enough for it

    def text(self) -> str:
        """The table that `launch.py --mode=evaluate` prints."""
        return lossy_table(self)

    def columns(self) -> dict[str, Any]:
        """By name, what a sweep's table says of a run."""
        kinds = (("", self.means), ("_error", self.errors))
        names = [(name, of, kind[name]) for name in _SWEPT for of, kind in kinds]
        points = {
            f"{name}_q{quality}{of}": values[i]
            for i, quality in enumerate(self.qualities)
            for name, of, values in names
        }
        others = ("n_images", "coder_loss_percent", "coder_loss_error", "n_exact", "n_ms_ssim")
        return points | {name: getattr(self, name) for name in others}


AnySummary = Summary | LossySummary


def summary_of(values: dict[str, Any]) -> AnySummary:
    """A summary of its _asdict; TypeError for anything else."""
    return LossySummary(**values) if "qualities" in values else Summary(**values)


def summarise_pictures(rows: Sequence[dict[str, Any]]) -> LossySummary:
    """Of rows of `code_pictures`; RecError if every picture came back exactly at some quality."""
    judged = [row for row in rows if None not in (*row["psnr_db"], *row.get("ideal_psnr_db", ()))]
    if not judged:
        raise RecError("every picture came back exactly at some quality, where it has no PSNR; take other pictures")
    sized = [row for row in judged if None not in row["ms_ssim"]]
    estimates = _estimates(judged) | {"ms_ssim_db": _ms_ssim_db(sized, len(rows[0]["qualities"]))}
    loss, no_loss = _coder_loss(judged)
    return LossySummary(
        n_images=len(judged),
        qualities=list(rows[0]["qualities"]),
        means={name: [_finite(one.value) for one in column] for name, column in estimates.items()},
        errors={name: [_finite(one.error) for one in column] for name, column in estimates.items()},
        coder_loss_percent=loss and loss.value,
        coder_loss_error=loss and loss.error,
        no_coder_loss=no_loss,
        n_exact=len(rows) - len(judged),
        n_ms_ssim=len(sized),
    )


def _estimates(rows: Sequence[dict[str, Any]]) -> dict[str, list[Estimate]]:
    """Of everything but MS-SSIM, over the qualities."""
    bits = {"": 8 * _table(rows, "file_bytes")} | {f"{name}_": _table(rows, f"{name}_bits") for name in _PARTS}
    n_pixels = np.array([[row["n_pixels"]] for row in rows], np.float64)
    rates = {f"{name}bpp": _means(value / n_pixels) for name, value in bits.items()}
    overhead = [ratio(*columns) for columns in zip((bits["side_"] + bits["header_"]).T, bits[""].T, strict=True)]
    plain = {name: _means(_table(rows, name)) for name in ("psnr_db", "encode_s", "decode_s")}
    found = rates | {"overhead": overhead} | plain
    if "ideal_bits" in rows[0]:
        found["ideal_bpp"] = _means(_table(rows, "ideal_bits") / n_pixels)
        found["ideal_psnr_db"] = _means(_table(rows, "ideal_psnr_db"))
    return found


def _table(rows: Sequence[dict[str, Any]], name: str) -> np.ndarray:
    """[images, qualities]."""
    return np.array([row[name] for row in rows], np.float64)


def _means(table: np.ndarray) -> list[Estimate]:
    return [ratio(column, np.ones(len(column))) for column in table.T]


def _ms_ssim_db(rows: Sequence[dict[str, Any]], n_qualities: int) -> list[Estimate]:
    if not rows:
        return n_qualities * [Estimate(math.nan, None)]
    return [
        jackknife(lambda ones: ms_ssim_db(float(np.mean(ones))), list(column)) for column in _table(rows, "ms_ssim").T
    ]


def _coder_loss(rows: Sequence[dict[str, Any]]) -> tuple[Estimate | None, str]:
    """(BD-rate of the mean curve of the files against that of the ideal points, in percent; or why there is none)."""
    if "ideal_bits" not in rows[0]:
        return None, "the model rounds its latents, so there is no coder to judge"
    n_pixels = np.array([[row["n_pixels"]] for row in rows], np.float64)
    rates = [8 * _table(rows, "file_bytes") / n_pixels, _table(rows, "ideal_bits") / n_pixels]
    curves = np.stack([rates[0], _table(rows, "psnr_db"), rates[1], _table(rows, "ideal_psnr_db")], axis=1)

    def loss_percent(cases: list[np.ndarray]) -> float:
        rate, psnr, ideal_rate, ideal_psnr = np.mean(cases, axis=0)
        return bd_rate([*zip(ideal_rate, ideal_psnr, strict=True)], [*zip(rate, psnr, strict=True)]).percent

    try:
        return with_jackknife(loss_percent, list(curves)), ""
    except NoBdRate as error:
        return None, str(error)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None

"""From the plan and its rows to the figure as plain values: figure3.json, from which everything else is drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.figure3.comparisons import Published, bd_rates
from experiments.figure3.curves import METRICS, Measured, measured_curves
from experiments.figure3.method import CODED, IDEAL
from experiments.figure3.published import N_PICTURES, published_curves
from experiments.figure3.series import Plan, Row


def make_figure(plan: Plan, workdir: Path) -> dict[str, Any]:
    """The whole result; what was not measured is not in it, and `not_run` says why."""
    rows = {series: series.rows(workdir) for series in plan.series}
    curves = [curve for series in plan.series for curve in measured_curves(series, rows[series])]
    published = [] if plan.stand_in else published_curves()  # which are of Kodak
    rates = list(bd_rates(curves, [_anchor(one) for one in published]))
    return {
        "figure": "Figure 3: lossy compression, quality against bits per pixel",
        "command": plan.command,
        "data": plan.data,
        "stand_in": plan.stand_in,
        "pictures": plan.pictures,
        "metrics": METRICS,
        "curves": [_curve(curve, rows[curve.series], plan) for curve in curves],
        "published": published,
        "bd_rates": rates,
        "coder_losses": coder_losses(rates, curves),
        "not_run": {name: "no whole picture yet" for name in _without_curve(plan, curves)} | plan.not_run,
    }


def _without_curve(plan: Plan, curves: Sequence[Measured]) -> list[str]:
    shown = {curve.series.id for curve in curves}
    return [series.id for series in plan.series if series.id not in shown]


def _anchor(curve: dict[str, Any]) -> Published:
    """Models trained for MS-SSIM are not compared in PSNR, which they give up."""
    metrics = [metric for metric in METRICS if (metric, curve["optimised_for"]) != ("psnr_db", "ms_ssim")]
    return Published(curve["id"], N_PICTURES, {m: curve[m] if m in metrics else [] for m in METRICS})


def coder_losses(rates: Sequence[dict[str, Any]], curves: Sequence[Measured]) -> list[dict[str, Any]]:
    """The BD-rates of files against the ideal points of the same method."""
    pairs = {
        (a.id, b.id) for a in curves for b in curves if a.series == b.series and (a.kind, b.kind) == (CODED, IDEAL)
    }
    return [rate for rate in rates if (rate["tested"], rate["anchor"]) in pairs]


def _curve(curve: Measured, rows: Sequence[Row], plan: Plan) -> dict[str, Any]:
    series, mine = curve.series, [row for row in rows if row["kind"] == curve.kind]
    return {
        "id": curve.id,
        "method": series.id,
        "title": curve.title,
        "kind": curve.kind,
        "ours": series.ours,
        "made_by": series.made_by,
        "setting_name": series.setting_name,
        "settings": series.settings,
        "n_pictures": len(curve.pictures),
        "n_pictures_wanted": len(plan.pictures),
        "means": _listed(curve.means()),
        "of_pictures": {plan.pictures[i]: _listed(curve.of_picture(i)) for i in curve.pictures},
        "command": f"{plan.command} --only={series.id}",
        "rows": f"rows/{series.rows_name}.jsonl",
        **{name: sorted({str(row[name]) for row in mine}) for name in ("git", "device", "python", "numpy")},
        "date": [min(row["date"] for row in mine), max(row["date"] for row in mine)],
    }


def _listed(values: dict[str, Any]) -> dict[str, list[float]]:
    return {name: [round(value, 6) for value in array.tolist()] for name, array in values.items()}


def nearest_setting(curve: dict[str, Any], picture: str, bpp: float) -> float:
    """The setting whose file of a picture is the nearest to a rate."""
    rates = curve["of_pictures"][picture]["bpp"]
    return min(zip(curve["settings"], rates, strict=True), key=lambda pair: abs(pair[1] / bpp - bpp / pair[1]))[0]

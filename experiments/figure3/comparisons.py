"""BD-rates between curves, with both fits and the standard error over pictures."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from experiments.figure3.curves import METRICS, Measured, Points
from rec_jax.evaluate.bd_rate import BdRate, Fit, NoBdRate, bd_rate, cubic, pchip, with_jackknife

FITS = {"pchip": pchip, "cubic": cubic}


@dataclasses.dataclass(frozen=True)
class Published:
    """A published curve, means over n_pictures that cannot be taken apart. curves: metric -> points."""

    id: str
    n_pictures: int
    curves: dict[str, Points]


def bd_rates(measured: Sequence[Measured], published: Sequence[Published]) -> Iterator[dict[str, Any]]:
    """Of every measured curve against every other one, and every published one in the metrics that it has.

    {'tested', 'anchor', 'metric', 'n_pictures', FIT: {'percent', 'error', 'most_percent'} or {'reason'}}: by how many
    percent the tested one's files are larger at equal quality, over the pictures that both have, and at the quality
    where they compare worst; error: one standard error over pictures, None against a published curve, of one picture,
    and where without some picture the curves cannot be compared.
    """
    for tested in measured:
        for anchor in measured:
            if anchor.id != tested.id:
                yield from (_measured(tested, anchor, metric) for metric in METRICS)
        for curve in published:
            yield from (_published(tested, curve, metric) for metric in METRICS if curve.curves[metric])


def _measured(tested: Measured, anchor: Measured, metric: str) -> dict[str, Any]:
    pictures = [picture for picture in tested.pictures if picture in anchor.pictures]
    entry = _entry(tested.id, anchor.id, metric, len(pictures))
    if not pictures:
        return entry | {fit: {"reason": "no picture in common"} for fit in FITS}

    def found(fit: Fit, kept: list[int] = pictures) -> BdRate:
        return bd_rate(anchor.points(metric, kept), tested.points(metric, kept), fit)

    def error(fit: Fit) -> float | None:
        return with_jackknife(lambda kept: found(fit, kept).percent, pictures).error

    return entry | {name: _or_reason(lambda fit=fit: (found(fit), error(fit))) for name, fit in FITS.items()}


def _published(tested: Measured, curve: Published, metric: str) -> dict[str, Any]:
    n_pictures = len(tested.pictures)
    entry = _entry(tested.id, curve.id, metric, n_pictures)
    if n_pictures != curve.n_pictures:
        reason = f"of {n_pictures} pictures only, and the published curve is of {curve.n_pictures}"
        return entry | {fit: {"reason": reason} for fit in FITS}
    points = tested.points(metric)
    return entry | {
        name: _or_reason(lambda fit=fit: (bd_rate(curve.curves[metric], points, fit), None))
        for name, fit in FITS.items()
    }


def _entry(tested: str, anchor: str, metric: str, n_pictures: int) -> dict[str, Any]:
    return {"tested": tested, "anchor": anchor, "metric": metric, "n_pictures": n_pictures}


def _or_reason(measure: Callable[[], tuple[BdRate, float | None]]) -> dict[str, Any]:
    try:
        found, error = measure()
    except NoBdRate as reason:
        return {"reason": str(reason)}
    return {"percent": found.percent, "error": error, "most_percent": found.most_percent}


def words(entry: dict[str, Any]) -> str:
    """'-12.3 ± 0.4 %', without an error where there is none, or why there is no number."""
    if "reason" in entry:
        return entry["reason"]
    error = "" if entry["error"] is None else f" ± {entry['error']:.1f}"
    return f"{entry['percent']:.1f}{error} %"

"""BD-rates between curves, with both fits and the standard error over pictures."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

from experiments.figure3.curves import METRICS, Measured, Points
from rec_jax.core.estimates import Estimate, jackknife
from rec_jax.evaluate.bd_rate import NoBdRate, bd_rate, cubic, pchip

FITS = {"pchip": pchip, "cubic": cubic}


@dataclasses.dataclass(frozen=True)
class Published:
    """A published curve: means over pictures that cannot be taken apart."""

    id: str
    title: str
    curves: dict[str, Points]

    def points(self, metric: str, pictures: Any = None) -> Points:
        """The curve, whatever the pictures."""
        return self.curves[metric]


def bd_rates(measured: Sequence[Measured], published: Sequence[Published]) -> Iterator[dict[str, Any]]:
    """Of every measured curve against every other one and every published one that has the metric.

    {'tested', 'anchor', 'metric', 'n_pictures', FIT: {'percent', 'error'} or {'reason'}}: by how many percent the
    tested one's files are larger at equal quality, and one standard error over pictures (None of one picture).
    """
    for tested in measured:
        for anchor in [*measured, *published]:
            if anchor.id == tested.id:
                continue
            for metric in METRICS:
                if anchor.points(metric):
                    yield _comparison(tested, anchor, metric)


def _comparison(tested: Measured, anchor: Measured | Published, metric: str) -> dict[str, Any]:
    others = anchor.pictures if isinstance(anchor, Measured) else tested.pictures
    pictures = [picture for picture in tested.pictures if picture in others]
    about = {"tested": tested.id, "anchor": anchor.id, "metric": metric, "n_pictures": len(pictures)}
    return about | {name: _estimate(tested, anchor, metric, pictures, fit) for name, fit in FITS.items()}


def _estimate(tested, anchor, metric: str, pictures: list[int], fit) -> dict[str, Any]:
    def percent(kept: list[int]) -> float:
        return bd_rate(anchor.points(metric, kept), tested.points(metric, kept), fit).percent

    if not pictures:
        return {"reason": "no picture in common"}
    try:
        estimate = jackknife(percent, pictures)
    except NoBdRate as error:
        return {"reason": str(error)}
    return {"percent": estimate.value, "error": estimate.error}


def words(entry: dict[str, Any]) -> str:
    """'-12.3 ± 0.4%', or why there is no number."""
    return entry["reason"] if "reason" in entry else f"{Estimate(entry['percent'], entry['error']).text(1)} %"

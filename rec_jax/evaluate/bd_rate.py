"""BD-rate: by how many percent a codec's files are larger than another's at equal quality, over a range of qualities.

G. Bjontegaard: Calculation of average PSNR differences between RD-curves, VCEG-M33, 2001: the mean over the common
qualities of the difference of log rate, each curve fitted with log rate as a function of quality. `cubic` is his fit;
`pchip` (piecewise cubic, monotone, through all points) is that of VCEG-AL22, 2010, for curves of many points.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.polynomial import Polynomial
from scipy.interpolate import PchipInterpolator

from rec_jax.core.errors import RecError
from rec_jax.core.estimates import Estimate, jackknife

Case = TypeVar("Case")
Curve = Sequence[tuple[float, float]]  # (rate > 0, quality), such as (bits per pixel, dB), in any order
MIN_POINTS = 4
_PLACES = 1001  # of a range of qualities, where the worst is looked for


class Fitted(NamedTuple):
    """log rate as a function of quality, and its antiderivative."""

    log_rate: Callable
    area: Callable


Fit = Callable[[np.ndarray, np.ndarray], Fitted]


class NoBdRate(RecError):
    """Two curves that cannot be compared."""


class BdRate(NamedTuple):
    """percent: below 0 where the tested codec's files are the smaller.  low, high: the common range of qualities.

    most_percent: the same at the one quality of the range where the tested codec compares worst.
    """

    percent: float
    low: float
    high: float
    most_percent: float


def cubic(quality: np.ndarray, log_rate: np.ndarray) -> Fitted:
    """Least squares by one cubic polynomial; exact through four points."""
    curve = Polynomial.fit(quality, log_rate, 3)
    return Fitted(curve, curve.integ())


def pchip(quality: np.ndarray, log_rate: np.ndarray) -> Fitted:
    """Through every point, by monotone cubic pieces (Fritsch and Carlson 1980)."""
    curve = PchipInterpolator(quality, log_rate)
    return Fitted(curve, curve.antiderivative())


def bd_rate(anchor: Curve, tested: Curve, fit: Fit = pchip) -> BdRate:
    """By how much `tested` needs more rate than `anchor`; fit: cubic or pchip.

    Raises NoBdRate for fewer than four points, qualities that do not grow with the rate, and curves without a common
    range of qualities.
    """
    curves = [_sorted(curve, name) for curve, name in ((anchor, "anchor"), (tested, "tested"))]
    low = max(quality[0] for quality, _ in curves)
    high = min(quality[-1] for quality, _ in curves)
    if low >= high:
        ranges = " and ".join(f"{quality[0]:.2f} to {quality[-1]:.2f}" for quality, _ in curves)
        raise NoBdRate(f"the curves' qualities do not overlap ({ranges}); give more points")
    a, t = (fit(*curve) for curve in curves)
    mean = ((t.area(high) - t.area(low)) - (a.area(high) - a.area(low))) / (high - low)
    places = np.linspace(low, high, _PLACES)
    most = np.max(t.log_rate(places) - a.log_rate(places))
    return BdRate(_percent(mean), float(low), float(high), _percent(most))


def with_jackknife(percent: Callable[[list[Case]], float], cases: Sequence[Case]) -> Estimate:
    """percent(cases), a BD-rate over pictures, with its delete-one error; without one if some cases are needed for it.

    Raises NoBdRate if all of them have none.
    """
    value = percent(list(cases))
    try:
        return jackknife(percent, cases)
    except NoBdRate:
        return Estimate(value, None)


def _percent(log_ratio: float) -> float:
    return 100.0 * float(np.expm1(log_ratio))


def _sorted(curve: Curve, name: str) -> tuple[np.ndarray, np.ndarray]:
    """(quality, log rate) by growing rate."""
    points = np.asarray(sorted(map(tuple, curve)), np.float64).reshape(-1, 2)
    if len(points) < MIN_POINTS:
        raise NoBdRate(f"the {name} curve has {len(points)} points; BD-rate takes at least {MIN_POINTS}")
    if not np.isfinite(points).all() or points[0, 0] <= 0.0:
        raise NoBdRate(f"the {name} curve has a rate or a quality that is not a positive or a finite number")
    if (falling := np.flatnonzero(np.diff(points[:, 1]) <= 0.0)).size:
        i = falling[0]
        raise NoBdRate(
            f"the {name} curve's quality does not grow from {points[i, 1]:.3f} at rate {points[i, 0]:.3f} to "
            f"{points[i + 1, 1]:.3f} at {points[i + 1, 0]:.3f}; leave such a point out"
        )
    return points[:, 1], np.log(points[:, 0])

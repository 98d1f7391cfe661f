"""Means and ratios of measurements with their standard errors."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """A ratio of sums over independent cases."""

    value: float
    error: float | None  # one standard error; None of a single case, which says nothing of the others

    def text(self, decimals: int, scale: float = 1.0) -> str:
        """'4.643 ± 0.012', or '4.643 (n=1, no error)'; both times `scale`."""
        value = f"{scale * self.value:.{decimals}f}"
        return f"{value} (n=1, no error)" if self.error is None else f"{value} ± {scale * self.error:.{decimals}f}"


def ratio(numerators: Sequence[float] | np.ndarray, denominators: Sequence[float] | np.ndarray) -> Estimate:
    """sum(numerators) / sum(denominators) with the error of the delete-one jackknife (Efron 1982, section 3).

    A mean weighted by the denominators; where these are equal the error is the standard error of the mean, exactly.
    """
    above, below = (np.asarray(x, np.float64) for x in (numerators, denominators))
    value, n = float(above.sum() / below.sum()), len(above)
    if n < 2:
        return Estimate(value, None)
    without = (above.sum() - above) / (below.sum() - below)
    return Estimate(value, float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2))))

"""Means and ratios of measurements with their standard errors."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

Case = TypeVar("Case")


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
    return Estimate(value, _jackknife_error((above.sum() - above) / (below.sum() - below)))


def mean(values: Sequence[float] | np.ndarray) -> Estimate:
    """Of values that count alike."""
    return ratio(values, np.ones(len(values)))


def with_error(name: str, estimate: Estimate) -> Iterator[tuple[str, float]]:
    """(name, value) and, where there is one, (name_error, standard error), as rows of metrics have them."""
    yield name, estimate.value
    if estimate.error is not None:
        yield f"{name}_error", estimate.error


def jackknife(statistic: Callable[[list[Case]], float], cases: Sequence[Case]) -> Estimate:
    """statistic(cases) of independent cases with the delete-one error, as in `ratio`."""
    whole, value = list(cases), statistic(list(cases))
    if len(whole) < 2:
        return Estimate(value, None)
    return Estimate(
        value, _jackknife_error(np.array([statistic(whole[:i] + whole[i + 1 :]) for i in range(len(whole))]))
    )


def _jackknife_error(without: np.ndarray) -> float:
    """One standard error from the values [n] without each of the n cases."""
    n = len(without)
    return float(np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))

"""How numbers of steps are coded: integers alone, and learned ones are shorter."""

import fractions

import numpy as np
import pytest

from rec_jax.coders import StepCountModel
from rec_jax.coders.step_counts import fit_step_counts
from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import TOTAL

MAX_STEPS = 100


def calls(centre, spread, n=60, n_blocks=8, seed=0):
    """Counts whose level varies from call to call."""
    rng = np.random.default_rng(seed)
    level = rng.normal(centre, 3 * spread, (n, 1))
    return list(np.clip(np.rint(rng.normal(level, spread, (n, n_blocks))), 0, MAX_STEPS).astype(np.int64))


def bits(model, some):
    return sum(
        t.bits(np.array([c])) for counts in some for t, c in zip(model.tables(counts, MAX_STEPS), counts, strict=True)
    )


@pytest.mark.parametrize(("centre", "spread"), [(4, 1), (30, 2), (60, 5), (0, 0.2)])
def test_a_fitted_model_beats_the_default_on_other_calls(centre, spread):
    fitted = fit_step_counts(calls(centre, spread), MAX_STEPS)
    fresh = calls(centre, spread, seed=1)
    assert bits(fitted, fresh) < bits(StepCountModel(), fresh)


def test_tables_are_integers_that_reach_every_count():
    model = StepCountModel(7, 200, 30)
    for before in ([], [3], [3, 90, 5], [100] * 9):
        table = model.table(np.array(before, np.int64), MAX_STEPS)
        assert all(type(f) is int and f > 0 for f in table.frequencies)
        assert len(table.frequencies) == MAX_STEPS + 1 and sum(table.frequencies) == TOTAL


def test_tables_follow_the_running_mean():
    model = StepCountModel(7, 200, 30)
    peaks = [np.argmax(model.table(np.array(b), MAX_STEPS).frequencies) for b in ([], [3], [3, 90, 5], [1, 2])]
    means = [7, 3, round(fractions.Fraction(98, 3)), 2]  # a half rounds up
    assert peaks == means


@pytest.mark.parametrize("numbers", [(-1, 200, 200), (0, 0, 200), (0, 200, 256)])
def test_impossible_models_are_refused(numbers):
    with pytest.raises(ConfigError, match="decays of 1 to 255"):
        StepCountModel(*numbers)

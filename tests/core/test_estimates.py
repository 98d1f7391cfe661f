"""Errors of means and ratios against the textbook and against the spread of many samples."""

import numpy as np
import pytest

from rec_jax.core.estimates import jackknife, mean, ratio, with_error


def test_of_equal_weights_it_is_the_standard_error_of_the_mean():
    values = np.random.default_rng(0).normal(3.0, 1.0, 50)
    found = ratio(2.0 * values, np.full(50, 2.0))
    assert found.value == pytest.approx(values.mean())
    assert found.error == pytest.approx(values.std(ddof=1) / np.sqrt(50))


def test_the_error_of_a_ratio_is_the_spread_of_ratios():
    rng = np.random.default_rng(1)
    below = rng.gamma(4.0, size=(2000, 40))
    above = 0.2 * below + rng.normal(0.0, 0.3, below.shape)
    ratios = above.sum(1) / below.sum(1)
    errors = [ratio(a, b).error for a, b in zip(above[:200], below, strict=False)]
    assert np.mean(errors) == pytest.approx(ratios.std(), rel=0.1)


def test_a_single_case_has_no_error():
    assert ratio([3.0], [2.0]) == (1.5, None)
    assert ratio([3.0], [2.0]).text(2) == "1.50 (n=1, no error)"
    assert ratio([1.0, 2.0], [1.0, 1.0]).text(1, 100) == "150.0 ± 50.0"


def test_the_jackknife_of_a_mean_is_its_standard_error():
    values = np.random.default_rng(2).normal(1.0, 2.0, 30).tolist()
    found = jackknife(lambda kept: float(np.mean(kept)), values)
    assert found.value == pytest.approx(np.mean(values))
    assert found.error == pytest.approx(np.std(values, ddof=1) / np.sqrt(30))
    assert jackknife(sum, [2.0]) == (2.0, None)


def test_a_mean_is_named_with_its_error_if_it_has_one():
    assert dict(with_error("x", mean([1.0, 3.0]))) == {"x": 2.0, "x_error": pytest.approx(1.0)}
    assert dict(with_error("x", mean([1.0]))) == {"x": 1.0}

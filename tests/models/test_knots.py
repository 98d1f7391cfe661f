"""Vectors that depend on the quality."""

import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.models.knots import at_qualities, at_quality, lambda_of, quality_of

KNOTS = np.random.default_rng(0).integers(-(1 << 18), 1 << 18, (3, 6, 4)).astype(np.int32)
TREE = {"a": [{"knots": KNOTS}, {"w": KNOTS}], "b": KNOTS}


def test_between_two_knots_a_vector_is_on_the_line_and_at_one_it_is_the_knot():
    found = at_quality(TREE, 40)["a"][0]
    assert found.shape == (3, 1, 1, 1, 4) and found.dtype == np.int32
    np.testing.assert_array_equal(found[:, 0, 0, 0], KNOTS[:, 2])
    np.testing.assert_array_equal(at_quality(TREE, 100)["a"][0][:, 0, 0, 0], KNOTS[:, 5])
    exact = np.interp(47, np.arange(0, 101, 20), np.arange(6))
    below, above = KNOTS[:, 2].astype(float), KNOTS[:, 3].astype(float)
    np.testing.assert_array_equal(
        at_quality(TREE, 47)["a"][0][:, 0, 0, 0], np.floor(below + (exact - 2) * (above - below) + 0.5 + 1e-9)
    )


def test_integers_are_the_rounded_floats_at_every_quality():
    floats = at_qualities({"knots": KNOTS.astype(np.float64)}, np.arange(101.0), np)
    assert floats.shape == (3, 101, 1, 1, 4)
    for quality in range(101):
        integers = at_quality({"knots": KNOTS}, quality)[:, 0, 0, 0]
        assert np.abs(integers - floats[:, quality, 0, 0]).max() <= 0.5 + 1e-6


def test_the_rest_of_a_tree_stays():
    found = at_quality(TREE, 3)
    assert found["b"] is KNOTS and found["a"][1]["w"] is KNOTS


def test_lambdas_are_geometric_and_have_nearest_qualities():
    lambdas = (0.001, 0.1)
    assert lambda_of(lambdas, 0, np) == 0.001 and lambda_of(lambdas, 50, np) == pytest.approx(0.01)
    assert lambda_of(lambdas, np.array([100.0]), np)[0] == pytest.approx(0.1)
    for quality in (0, 17, 99, 100):
        assert quality_of(lambdas, float(lambda_of(lambdas, quality, np)) * 1.001) == quality
    assert quality_of(lambdas, 1e-9) == 0 and quality_of(lambdas, 1e9) == 100
    for wrong in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="qualities 0 to 100 are 0.001 to 0.1"):
            quality_of(lambdas, wrong)

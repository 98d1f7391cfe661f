"""BD-rate on curves whose answer is known."""

import numpy as np
import pytest

from rec_jax.evaluate.bd_rate import NoBdRate, bd_rate, cubic, pchip

CURVE = [(0.1, 26.0), (0.22, 28.4), (0.5, 31.1), (1.0, 34.0), (1.7, 36.2)]
BOTH = pytest.mark.parametrize("fit", [cubic, pchip])


@BOTH
@pytest.mark.parametrize("percent", [-30.0, 0.0, 12.5, 100.0])
def test_a_constant_factor_is_its_percentage(fit, percent):
    larger = [((1 + percent / 100) * rate, quality) for rate, quality in CURVE]
    found = bd_rate(CURVE, larger, fit)
    assert found.percent == pytest.approx(percent, abs=1e-9) and found.most_percent == pytest.approx(percent, abs=1e-6)
    assert bd_rate(CURVE, larger[::-1], fit).percent == pytest.approx(percent, abs=1e-9)  # in any order


@BOTH
def test_swapped_curves_have_the_inverse_ratio(fit):
    other = [(0.08, 25.0), (0.3, 29.9), (0.8, 33.7), (1.5, 36.9)]
    ratio, inverse = (1 + bd_rate(*pair, fit).percent / 100 for pair in ((CURVE, other), (other, CURVE)))
    assert ratio * inverse == pytest.approx(1.0) and ratio != pytest.approx(1.0, abs=0.01)
    assert bd_rate(CURVE, other, fit)[1:3] == (26.0, 36.2)  # the qualities that both have


@BOTH
def test_log_rates_that_are_straight_lines_have_the_mean_difference(fit):
    """log rate = quality / 5 and 0.1 + quality / 5 + (quality - 30) / 50 over 30 ... 40: mean 0.2, most 0.3."""
    quality = np.linspace(30.0, 40.0, 6)
    anchor = list(zip(np.exp(quality / 5), quality, strict=True))
    tested = list(zip(np.exp(0.1 + quality / 5 + (quality - 30) / 50), quality, strict=True))
    found = bd_rate(anchor, tested, fit)
    assert found.percent == pytest.approx(100 * np.expm1(0.2), rel=1e-9)
    assert found.most_percent == pytest.approx(100 * np.expm1(0.3), rel=1e-6)


def test_the_two_fits_are_two_fits():
    bent = [(0.1, 26.0), (0.2, 31.0), (0.5, 31.2), (1.0, 36.0), (1.7, 36.2)]
    assert abs(bd_rate(CURVE, bent, cubic).percent - bd_rate(CURVE, bent, pchip).percent) > 0.1


@BOTH
@pytest.mark.parametrize(
    "curve, match",
    [
        ([(rate, quality + 10.3) for rate, quality in CURVE], r"do not overlap \(26.00 to 36.20 and 36.30 to 46.50\)"),
        (CURVE[:3], "tested curve has 3 points"),
        ([*CURVE, (2.0, 36.1)], "does not grow from 36.200 at rate 1.700 to 36.100 at 2.000"),
        ([*CURVE, (0.0, 20.0)], "not a positive"),
        ([*CURVE, (3.0, float("inf"))], "finite"),
    ],
)
def test_curves_that_cannot_be_compared_say_why(fit, curve, match):
    with pytest.raises(NoBdRate, match=match):
        bd_rate(CURVE, curve, fit)

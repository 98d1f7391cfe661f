"""Curves read at one rate: between the points, with an error over pictures; nothing beyond them."""

import numpy as np
import pytest

from experiments.figure3.at_rates import quality_at, seconds_near
from rec_jax.core.estimates import Estimate

RATES = [0.1, 0.4, 1.6]


def curve(*offsets_db, **more):
    """Pictures of 30 dB at 0.1 bpp and 6 dB more for each factor 4, each with an offset."""
    pictures = {
        f"p{i}": {"bpp": RATES, "psnr_db": [30.0 + d, 36.0 + d, 42.0 + d], "ms_ssim": [0.9, 0.95, 0.99], **more}
        for i, d in enumerate(offsets_db)
    }
    means = {name: np.mean([p[name] for p in pictures.values()], axis=0).tolist() for name in pictures["p0"]}
    return {"means": means, "of_pictures": pictures}


def test_a_straight_curve_is_read_between_its_points():
    found = quality_at(curve(-1.0, 1.0), "psnr_db", 0.2)
    assert found.value == pytest.approx(33.0) and found.error == pytest.approx(1.0)  # of +-1: 2 / sqrt(2) / sqrt(2)
    assert quality_at(curve(0.0), "psnr_db", 0.8) == (pytest.approx(39.0), None)


def test_ms_ssim_is_the_mean_in_db():
    assert quality_at(curve(0.0, 0.0), "ms_ssim_db", 0.4).value == pytest.approx(-10 * np.log10(0.05))


@pytest.mark.parametrize("bpp", [0.09, 1.7])
def test_beyond_the_points_there_is_nothing(bpp):
    assert quality_at(curve(0.0), "psnr_db", bpp) is None


@pytest.mark.parametrize("rates", [[0.1, 0.4, 2.6], [0.4, 0.3, 3.0]], ids=["ends later", "does not rise"])
def test_what_is_beyond_the_points_without_one_picture_is_not_read(rates):
    both = curve(0.0, 0.0)
    both["of_pictures"]["p1"]["bpp"] = rates
    both["means"]["bpp"] = np.mean([RATES, rates], axis=0).tolist()
    assert both["means"]["bpp"][0] < 2.0 < both["means"]["bpp"][-1]
    assert quality_at(both, "psnr_db", 2.0) is None


def test_seconds_are_those_of_the_nearest_setting():
    timed = curve(0.0, 0.0, encode_s=[1.0, 2.0, 3.0])
    assert seconds_near(timed, "encode_s", 0.5) == Estimate(2.0, 0.0)
    assert seconds_near(curve(0.0), "encode_s", 0.5) is None

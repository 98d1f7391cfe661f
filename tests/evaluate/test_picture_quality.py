"""PSNR and MS-SSIM of 8-bit pictures on known answers."""

import math

import numpy as np
import pytest

from rec_jax.core.errors import UnsupportedImage
from rec_jax.core.ms_ssim import ms_ssim
from rec_jax.core.psnr import psnr_db
from rec_jax.data.embedded import read_photograph
from rec_jax.evaluate.picture_quality import ms_ssim_db, picture_quality

PHOTOGRAPH = read_photograph("chelsea")[:180, :200]


def test_psnr_of_known_differences():
    black, one = np.zeros((4, 5, 3), np.uint8), np.ones((4, 5, 3), np.uint8)
    assert psnr_db(black, one) == psnr_db(one, black) == pytest.approx(20 * math.log10(255))
    assert psnr_db(black, 255 * one) == 0.0  # the farthest that two pictures can be
    assert psnr_db(one, one) == math.inf
    red = black.copy()
    red[..., 0] = 10  # a third of the values
    assert psnr_db(black, red) == pytest.approx(10 * math.log10(255**2 / (100 / 3)))


def test_ms_ssim_is_that_of_float64_and_its_decibels_are_known():
    noise = np.random.default_rng(0).integers(-20, 21, PHOTOGRAPH.shape)
    noisy = np.clip(PHOTOGRAPH + noise, 0, 255).astype(np.uint8)
    quality = picture_quality(PHOTOGRAPH, noisy)
    exact = ms_ssim(PHOTOGRAPH[None] / 255.0, noisy[None] / 255.0, np)[0]
    assert quality.ms_ssim == pytest.approx(exact, abs=2e-6) and quality.psnr_db == psnr_db(PHOTOGRAPH, noisy)
    assert picture_quality(PHOTOGRAPH, PHOTOGRAPH).ms_ssim == pytest.approx(1.0, abs=1e-6)
    assert ms_ssim_db(0.99) == pytest.approx(20.0) and ms_ssim_db(0.0) == 0.0 and ms_ssim_db(1.0) == math.inf


@pytest.mark.parametrize("other", [PHOTOGRAPH[:-1], PHOTOGRAPH.astype(np.float32), PHOTOGRAPH[..., 0]])
def test_other_pictures_are_refused(other):
    with pytest.raises(UnsupportedImage, match="uint8"):
        psnr_db(PHOTOGRAPH, other)
    with pytest.raises(UnsupportedImage, match="uint8"):
        psnr_db(other, PHOTOGRAPH)

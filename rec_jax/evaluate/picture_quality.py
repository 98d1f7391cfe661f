"""How far a decoded picture is from its original, both of 8 bits: PSNR over RGB and MS-SSIM, and both in decibels."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.ms_ssim import ms_ssim
from rec_jax.core.psnr import PEAK, psnr_db

_ms_ssim = jax.jit(lambda x, y: ms_ssim(x, y, peak=PEAK))


class PictureQuality(NamedTuple):
    """psnr_db: infinite where the pictures are equal.  ms_ssim: not in decibels, in which published means are not."""

    psnr_db: float
    ms_ssim: float


def picture_quality(original: np.ndarray, decoded: np.ndarray) -> PictureQuality:
    """Of pictures uint8 [H, W, 3], 161 pixels a side or more; UnsupportedImage for others, as of two sizes."""
    psnr = psnr_db(original, decoded)
    similarity = _ms_ssim(*(jnp.asarray(picture[None], jnp.float32) for picture in (original, decoded)))
    return PictureQuality(psnr, float(similarity[0]))


def ms_ssim_db(similarity: float) -> float:
    """-10 log10(1 - MS-SSIM); infinite for equal pictures. Of a mean over pictures it is the published scale."""
    return -10.0 * math.log10(1.0 - similarity) if similarity < 1.0 else math.inf

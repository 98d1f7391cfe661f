"""How far a decoded picture is from its original, both of 8 bits: PSNR over RGB and MS-SSIM, and both in decibels."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.errors import UnsupportedImage
from rec_jax.core.ms_ssim import ms_ssim

_PEAK = 255.0
_ms_ssim = jax.jit(lambda x, y: ms_ssim(x, y, peak=_PEAK))


class PictureQuality(NamedTuple):
    """psnr_db: infinite where the pictures are equal.  ms_ssim: not in decibels, in which published means are not."""

    psnr_db: float
    ms_ssim: float


def picture_quality(original: np.ndarray, decoded: np.ndarray) -> PictureQuality:
    """Of pictures uint8 [H, W, 3], 161 pixels a side or more; UnsupportedImage for others, as of two sizes."""
    psnr = psnr_db(original, decoded)
    similarity = _ms_ssim(*(jnp.asarray(picture[None], jnp.float32) for picture in (original, decoded)))
    return PictureQuality(psnr, float(similarity[0]))


def psnr_db(original: np.ndarray, decoded: np.ndarray) -> float:
    """10 log10(255^2 / MSE) with the mean over all pixels and the three colours; infinite for equal pictures."""
    for picture in (original, decoded):
        if picture.dtype != np.uint8 or picture.shape != original.shape or picture.ndim != 3:
            raise UnsupportedImage(
                f"quality of {decoded.dtype} {list(decoded.shape)} against {original.dtype} {list(original.shape)}; "
                "give two pictures uint8 [H, W, 3] of one size"
            )
    mse = float(np.square(original.astype(np.int32) - decoded).mean(dtype=np.float64))
    return 10.0 * math.log10(_PEAK**2 / mse) if mse > 0.0 else math.inf


def ms_ssim_db(similarity: float) -> float:
    """-10 log10(1 - MS-SSIM); infinite for equal pictures. Of a mean over pictures it is the published scale."""
    return -10.0 * math.log10(1.0 - similarity) if similarity < 1.0 else math.inf

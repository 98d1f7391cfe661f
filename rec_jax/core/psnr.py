"""Peak signal-to-noise ratio of 8-bit pictures."""

import math

import numpy as np

from rec_jax.core.errors import UnsupportedImage

PEAK = 255.0


def psnr_db(original: np.ndarray, decoded: np.ndarray) -> float:
    """10 log10(255^2 / MSE), the mean over all pixels and colours; infinite for equal pictures.

    uint8 [H, W, 3] or [H, W]; UnsupportedImage for others, as of two sizes.
    """
    for picture in (original, decoded):
        if picture.dtype != np.uint8 or picture.shape != original.shape or picture.ndim not in (2, 3):
            raise UnsupportedImage(
                f"quality of {decoded.dtype} {list(decoded.shape)} against {original.dtype} {list(original.shape)}; "
                "give two pictures uint8 [H, W, 3] of one size"
            )
    mse = float(np.square(original.astype(np.int32) - decoded).mean(dtype=np.float64))
    return 10.0 * math.log10(PEAK**2 / mse) if mse > 0.0 else math.inf

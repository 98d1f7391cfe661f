"""How far a picture is from its original, in the units that a lossy model's lambda multiplies.

"mse":      D = 255^2 MSE
"ms_ssim":  D = 1275 (1 - MS-SSIM)

1275 makes one range of lambda cover about one range of rates: it is the geometric mean, over the eight pairs of
multipliers that CompressAI gives its models for about equal rates (0.0018 255^2 MSE beside 2.40 (1 - MS-SSIM), up to
0.18 beside 220), of their ratio, which lies between 1222 and 1333. (iREC's program has 255, and larger lambdas.)

MS-SSIM's five scales need sides of 161. A crop has as many scales as fit, their weights made to sum to 1 again: four
of 128x128, the lossy configs' crops, because a crop of 192 costs 2.25 times as much and 87% of the weight lies on the
first four. For all five: --config.data.patch=192. Files are scored with all five, whatever a model was trained for.
"""

import jax
import jax.numpy as jnp

from rec_jax.core.errors import ConfigError
from rec_jax.core.ms_ssim import WEIGHTS, ms_ssim, smallest_side

MS_SSIM_UNIT = 1275.0


def distortion_of(kind: str, pictures: jax.Array, x: jax.Array) -> jax.Array:
    """D of scaled pictures from x, both [B, H, W, 3] on +-1/2; [B]. kind: a model's `distortion`."""
    if kind == "mse":
        return 255.0**2 * jnp.mean((pictures - x) ** 2, axis=(1, 2, 3))
    n_scales = scales_of(*x.shape[1:3])
    return MS_SSIM_UNIT * (1.0 - ms_ssim(pictures + 0.5, x + 0.5, n_scales=n_scales))


def scales_of(height: int, width: int) -> int:
    """How many of MS-SSIM's scales a picture of this size has; 0: none."""
    side = min(height, width)
    return sum(side >= smallest_side(n) for n in range(1, len(WEIGHTS) + 1))


def check_sides(kind: str, height: int, width: int) -> None:
    """ConfigError for images that are too small for a model's distortion."""
    if kind == "ms_ssim" and not scales_of(height, width):
        raise ConfigError(
            f"training images are {width}x{height}; model.distortion='ms_ssim' needs sides of {smallest_side(1)} or "
            f"more, and {smallest_side()} for all its scales: set data.patch"
        )

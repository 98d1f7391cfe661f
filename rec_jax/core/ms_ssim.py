"""MS-SSIM: the similarity of two pictures at several scales, for scores (numpy) and as a training loss (jax).

Z. Wang, E. P. Simoncelli, A. C. Bovik: Multi-scale structural similarity for image quality assessment, Asilomar 2003,
in the form of tf.image.ssim_multiscale. With means mu, variances and covariance under an 11x11 Gaussian window:
  l = (2 mu_x mu_y + C1) / (mu_x^2 + mu_y^2 + C1),  cs = (2 cov_xy + C2) / (var_x + var_y + C2),
  MS-SSIM = mean over channels of  [mean of l cs at the coarsest scale]^w_M  prod_{j<M} [mean of cs at scale j]^w_j,
negative means counting as 0; from scale to scale the mean of 2x2 pixels, the last row and column repeated where odd.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from rec_jax.core.errors import UnsupportedImage

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # w_j from the finest scale, Wang 2003
WINDOW_SIZE, WINDOW_SCALE = 11, 1.5  # pixels, standard deviation
_K1, _K2 = 0.01, 0.03  # C = (K peak)^2


def ms_ssim(x: Any, y: Any, xp: Any = jnp, peak: float = 1.0, n_scales: int = len(WEIGHTS)) -> Any:
    """MS-SSIM of every pair of pictures; [B], at most 1, which equal pictures have.

    x, y: float [B, H, W, C] with values in 0 ... peak; both sides at least smallest_side(n_scales) pixels.
    xp: jnp, differentiable, or np.  n_scales: fewer than five only for crops that are too small for them: the first
    weights, made to sum to 1 again. A picture has one value for every n_scales: never compare them.
    Raises UnsupportedImage for shapes that differ or are too small, TypeError for pixels that are not floats.
    """
    _check(x, y, n_scales)
    weights = np.array(WEIGHTS[:n_scales]) / (1.0 if n_scales == len(WEIGHTS) else sum(WEIGHTS[:n_scales]))
    product = 1.0
    for scale, weight in enumerate(weights):
        luminance, contrast = _luminance_and_contrast(x, y, xp, peak)
        last = scale == n_scales - 1
        mean = xp.mean(luminance * contrast if last else contrast, axis=(1, 2))  # [B, C]
        product = product * _power(mean, float(weight), xp)
        if not last:
            x, y = _halved(x, xp), _halved(y, xp)
    return xp.mean(product, axis=-1)


def smallest_side(n_scales: int = len(WEIGHTS)) -> int:
    """Pixels that both sides must have: the window has to fit at the coarsest scale. 161 for five scales."""
    return (WINDOW_SIZE - 1) * 2 ** (n_scales - 1) + 1


def _check(x: Any, y: Any, n_scales: int) -> None:
    if x.shape != y.shape or len(x.shape) != 4:
        raise UnsupportedImage(f"MS-SSIM of pictures of shapes {x.shape} and {y.shape}; give two equal [B, H, W, C]")
    if not (jnp.issubdtype(x.dtype, jnp.floating) and jnp.issubdtype(y.dtype, jnp.floating)):
        raise TypeError(f"MS-SSIM of pixels of types {x.dtype} and {y.dtype}; convert them to floats")
    if not 1 <= n_scales <= len(WEIGHTS):
        raise UnsupportedImage(f"n_scales={n_scales}; MS-SSIM has 1 to {len(WEIGHTS)}")
    height, width = x.shape[1:3]
    if min(height, width) < smallest_side(n_scales):
        fitting = max((n for n in range(1, n_scales) if min(height, width) >= smallest_side(n)), default=0)
        hint = f"n_scales={fitting} fits" if fitting else f"one scale needs {WINDOW_SIZE}"
        raise UnsupportedImage(
            f"a picture of {width}x{height} is too small for MS-SSIM of {n_scales} scales, which needs "
            f"{smallest_side(n_scales)} pixels a side; {hint}"
        )


def _luminance_and_contrast(x: Any, y: Any, xp: Any, peak: float) -> tuple[Any, Any]:
    """l and cs wherever the window fits; [B, H - 10, W - 10, C]. Only the sum of the variances is needed."""
    c1, c2 = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    mean_x, mean_y, mean_xy, mean_squares = (_smoothed(z, xp) for z in (x, y, x * y, x * x + y * y))
    cross, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    luminance = (2.0 * cross + c1) / (squares + c1)
    return luminance, (2.0 * (mean_xy - cross) + c2) / (mean_squares - squares + c2)


def _smoothed(z: Any, xp: Any) -> Any:
    """The Gaussian window's mean where it fits: sums of shifted pictures, far faster than convolutions on CPUs."""
    height, width = (size - WINDOW_SIZE + 1 for size in z.shape[1:3])
    z = _kept(sum(tap * z[:, i : i + height] for i, tap in enumerate(_TAPS)), xp)
    return _kept(sum(tap * z[:, :, i : i + width] for i, tap in enumerate(_TAPS)), xp)


def _kept(z: Any, xp: Any) -> Any:
    """z, computed once: XLA would compute a sum again for each shift that reads it."""
    return z if xp is np else lax.optimization_barrier(z)


def _taps() -> list[float]:
    distances = np.arange(WINDOW_SIZE) - WINDOW_SIZE // 2
    taps = np.exp(-0.5 * (distances / WINDOW_SCALE) ** 2)
    return (taps / taps.sum()).tolist()


_TAPS = _taps()


def _halved(z: Any, xp: Any) -> Any:
    """Means of 2x2 pixels; [B, ceil(H / 2), ceil(W / 2), C]."""
    z = xp.pad(z, [(0, 0), *((0, size % 2) for size in z.shape[1:3]), (0, 0)], mode="edge")
    return 0.25 * (z[:, ::2, ::2] + z[:, 1::2, ::2] + z[:, ::2, 1::2] + z[:, 1::2, 1::2])


def _power(base: Any, exponent: float, xp: Any) -> Any:
    """max(base, 0)^exponent with the gradient 0, not infinity, where base is not positive."""
    positive = base > 0.0
    return xp.where(positive, xp.where(positive, base, 1.0) ** exponent, 0.0)

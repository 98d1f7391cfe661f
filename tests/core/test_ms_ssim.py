"""MS-SSIM against dense windows written out, on what must hold of any similarity, and as a loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import correlate

from rec_jax.core.errors import UnsupportedImage
from rec_jax.core.ms_ssim import WEIGHTS, ms_ssim, smallest_side
from rec_jax.data.embedded import read_photograph

PHOTOGRAPH = read_photograph("chelsea")[40:215, 100:263].astype(np.float64) / 255.0  # 175 x 163, odd at every scale


def distorted(strength: float, seed: int = 0) -> np.ndarray:
    return PHOTOGRAPH + strength * np.random.default_rng(seed).standard_normal(PHOTOGRAPH.shape)


def by_dense_windows(x: np.ndarray, y: np.ndarray, n_scales: int = 5) -> float:
    """As the paper writes it, channel by channel, with one two-dimensional window and unbiased by no trick."""
    rows, columns = np.mgrid[-5:6, -5:6]
    window = np.exp(-(rows**2 + columns**2) / (2 * 1.5**2))
    window /= window.sum()
    weights = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])[:n_scales]
    weights = weights if n_scales == 5 else weights / weights.sum()

    def mean(z):
        return correlate(z, window, mode="constant")[5:-5, 5:-5]

    values = []
    for channel in range(x.shape[-1]):
        a, b, value = x[..., channel], y[..., channel], 1.0
        for scale, weight in enumerate(weights):
            mu_a, mu_b = mean(a), mean(b)
            var_a, var_b, cov = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2, mean(a * b) - mu_a * mu_b
            cs = (2 * cov + 0.03**2) / (var_a + var_b + 0.03**2)
            luminance = (2 * mu_a * mu_b + 0.01**2) / (mu_a**2 + mu_b**2 + 0.01**2)
            term = (cs * luminance).mean() if scale == n_scales - 1 else cs.mean()
            value *= max(term, 0.0) ** weight
            a, b = (_block_means(z) for z in (a, b))
        values.append(value)
    return float(np.mean(values))


def _block_means(z: np.ndarray) -> np.ndarray:
    z = np.pad(z, [(0, z.shape[0] % 2), (0, z.shape[1] % 2)], mode="symmetric")
    return z.reshape(z.shape[0] // 2, 2, z.shape[1] // 2, 2).mean(axis=(1, 3))


@pytest.mark.parametrize("strength", [0.01, 0.1, 1.0])
@pytest.mark.parametrize("n_scales", [5, 3, 1])
def test_it_is_what_dense_windows_give(strength, n_scales):
    x, y = PHOTOGRAPH[None], distorted(strength)[None]
    expected = by_dense_windows(x[0], y[0], n_scales)
    assert ms_ssim(x, y, np, n_scales=n_scales) == pytest.approx(expected, abs=1e-12)
    assert ms_ssim(jnp.float32(x), jnp.float32(y), n_scales=n_scales) == pytest.approx(expected, abs=1e-5)


def test_a_picture_without_structure_has_the_known_similarity():
    """Of two constants: cs = 1, and at the coarsest scale l = (2 a b + C1) / (a^2 + b^2 + C1)."""
    a, b = np.full((1, 161, 161, 3), 0.5), np.full((1, 161, 161, 3), 0.25)
    luminance = (2 * 0.5 * 0.25 + 1e-4) / (0.25 + 0.0625 + 1e-4)
    assert ms_ssim(a, b, np) == pytest.approx(luminance ** WEIGHTS[-1], rel=1e-6)


def test_equal_pictures_have_one_and_order_does_not_matter():
    x, y = PHOTOGRAPH[None], distorted(0.1)[None]
    assert ms_ssim(x, x, np) == pytest.approx(1.0, abs=1e-12)
    assert ms_ssim(x, y, np) == pytest.approx(ms_ssim(y, x, np), abs=1e-12)
    assert ms_ssim(255.0 * x, 255.0 * y, np, peak=255.0) == pytest.approx(ms_ssim(x, y, np), abs=1e-12)


def test_it_falls_as_noise_grows_and_pictures_of_a_batch_do_not_meet():
    noisy = np.stack([distorted(strength) for strength in (0.0, 0.02, 0.05, 0.1, 0.3)])
    values = ms_ssim(np.broadcast_to(PHOTOGRAPH, noisy.shape), noisy, np)
    assert (np.diff(values) < 0).all() and values[0] == pytest.approx(1.0)
    assert values[2] == pytest.approx(ms_ssim(PHOTOGRAPH[None], noisy[2:3], np)[0], abs=1e-12)


def test_the_negative_counts_as_zero():
    assert ms_ssim(PHOTOGRAPH[None], 1.0 - PHOTOGRAPH[None], np) == 0.0


def test_the_gradient_is_that_of_differences_and_finite_where_the_similarity_is_zero():
    x, y = jnp.float32(PHOTOGRAPH[None, :64, :64]), jnp.float32(distorted(0.1)[None, :64, :64])
    loss = jax.jit(lambda y: ms_ssim(x, y, n_scales=2).mean())
    gradient = jax.jit(jax.grad(loss))
    direction = np.random.default_rng(1).standard_normal(y.shape).astype(np.float32)
    by_difference = (loss(y + 0.003 * direction) - loss(y - 0.003 * direction)) / 0.006
    assert jnp.vdot(gradient(y), direction) == pytest.approx(float(by_difference), rel=0.02)
    assert jnp.isfinite(gradient(1.0 - x)).all() and jnp.abs(gradient(x)).max() < 1e-3


def test_what_cannot_be_compared_is_refused():
    x = PHOTOGRAPH[None]
    assert [smallest_side(n) for n in (5, 3, 1)] == [161, 41, 11]
    with pytest.raises(UnsupportedImage, match=r"163x160 is too small.*161 pixels a side; n_scales=4 fits"):
        ms_ssim(x[:, :160], x[:, :160], np)
    with pytest.raises(UnsupportedImage, match="one scale needs 11"):
        ms_ssim(x[:, :10], x[:, :10], np)
    with pytest.raises(UnsupportedImage, match="shapes"):
        ms_ssim(x, x[:, :-1], np)
    with pytest.raises(UnsupportedImage, match="n_scales=6"):
        ms_ssim(x, x, np, n_scales=6)
    with pytest.raises(TypeError, match="uint8"):
        ms_ssim(x.astype(np.uint8), x, np)

"""What lambda multiplies: of known pictures, with gradients that training can follow."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.core.ms_ssim import ms_ssim
from rec_jax.data.embedded import read_photograph
from rec_jax.models import make_model
from rec_jax.models.float_net import FloatNet
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.train.distortion import check_sides, distortion_of, scales_of
from rec_jax.train.rate_distortion import terms

SIDE = 48  # three scales
X = scale_pixels(read_photograph("chelsea")[100 : 100 + SIDE, 150 : 150 + SIDE].astype(np.float32))[None]
RD_VAE = dict(kind="rd_vae", levels=((8, 16, 1, 4, 0),), knots=2, lambdas=(0.001, 0.1), distortion="ms_ssim")
slopes = jax.jit(jax.value_and_grad(lambda y, x: distortion_of("ms_ssim", y, x).sum()))


def noisy(strength: float) -> np.ndarray:
    return X + strength * np.random.default_rng(0).standard_normal(X.shape, np.float32)


@pytest.mark.parametrize("strength", [0.02, 0.1, 0.5])
def test_it_is_1275_times_what_is_missing_of_ms_ssim(strength):
    wanted = 1275 * (1 - ms_ssim(*(np.float64(y) + 0.5 for y in (noisy(strength), X)), np, n_scales=3))
    assert wanted > 1
    np.testing.assert_allclose(slopes(noisy(strength), X)[0], wanted[0], rtol=1e-3)


def test_mse_is_that_of_8_bits():
    np.testing.assert_allclose(distortion_of("mse", X + 2 / 255, X), [4.0], rtol=1e-4)


def test_one_range_of_lambdas_covers_one_range_of_rates():
    """On the published curves of the scale hyperprior lambda is -1 / (dD / dR), and rates grow about as its root."""
    of_mse = np.array([[0.11524, 27.10635], [0.1857, 28.67913], [1.30744, 38.80796], [1.7275, 40.79492]])
    of_ms_ssim = np.array([[0.09203, 0.923012], [0.16682, 0.953873], [1.37754, 0.996171], [2.03033, 0.99802]])
    of_mse[:, 1] = 255**2 * 10 ** (-of_mse[:, 1] / 10)
    of_ms_ssim[:, 1] = 1275 * (1 - of_ms_ssim[:, 1])
    for here in (slice(0, 2), slice(2, 4)):
        (dr, dd), (dr_other, dd_other) = (np.diff(points[here], axis=0)[0] for points in (of_mse, of_ms_ssim))
        assert 1 / 1.5 < np.sqrt((dr_other / dd_other) / (dr / dd)) < 1.5


@pytest.mark.parametrize("y", [X, np.zeros_like(X), np.full_like(X, 0.5), -X, noisy(5.0)])
@pytest.mark.parametrize("x", [X, np.full_like(X, -0.5)])
def test_the_gradient_is_finite(x, y):
    """Of equal pictures too, where it is none, of flat ones and of what is nothing like the original."""
    distortion, gradient = slopes(y, x)
    assert -0.01 < distortion < 2 * 1275 and np.isfinite(gradient).all()
    if y is x:
        np.testing.assert_allclose(distortion, 0.0, atol=0.01)
        assert np.abs(gradient).max() < 0.01


def test_a_picture_has_as_many_scales_as_fit():
    assert [scales_of(side, 999) for side in (10, 11, 21, 64, 128, 160, 161, 999)] == [0, 1, 2, 3, 4, 4, 5, 5]
    check_sides("mse", 8, 8)
    check_sides("ms_ssim", 11, 64)
    with pytest.raises(ConfigError, match=r"64x10; .* needs sides of 11 or more, and 161 for all"):
        check_sides("ms_ssim", 10, 64)


def test_training_steps_lower_the_loss():
    """Of rate and distortion of one crop, at a middle quality, along the gradient."""
    model, net = make_model(RD_VAE), FloatNet(unroll=True)
    x = X[:, :32, :32]
    images = np.asarray(np.round((x + 0.5) * 256 - 0.5), np.uint8)
    params = model.start(x)

    def loss(params):
        found = terms(model, params, images, jnp.full(1, 50.0), jax.random.key(0), net)
        return (found.rate_bpp.sum(1) + 0.01 * found.distortion).sum()

    @functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
    def step(params):
        value, gradient = jax.value_and_grad(loss)(params)
        return value, jax.tree.map(lambda p, g: p - 1e-3 * g / (1 + jnp.abs(g)), params, gradient)

    losses = []
    for _ in range(5):
        value, params = step(params)
        losses.append(float(value))
    assert np.isfinite(losses).all() and losses[-1] < losses[0]

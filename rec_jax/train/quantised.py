"""Rate and distortion of a quantised model, for training and for evaluation.

    R = -log2 p(v) - log2 p(u) in bits per pixel.

In training what is rounded gets uniform noise on +-1/2 for the rate, whose density is then p's mass around it (Balle et
al. 2017, arXiv:1611.01704), and is rounded for the networks behind it, with the gradient of the identity (Minnen and
Singh 2020, arXiv:2007.08739).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr

from rec_jax.core.prng import child_key
from rec_jax.exact.rounded import LOG_SCALES
from rec_jax.models.at_least import at_least
from rec_jax.models.base import HyperLaw, QuantisedModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.knots import at_qualities
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.train.distortion import distortion_of
from rec_jax.train.losses import Objective
from rec_jax.train.rate_distortion import RateDistortion, curve_objective

LEAST_MASS = 1e-9
_HYPER_LIMIT = 127  # of a hyper-latent


def quantised_terms(
    model: QuantisedModel, params: Any, images: jax.Array, qualities: jax.Array, key: jax.Array | None, net: FloatNet
) -> RateDistortion:
    """Rate and distortion of images uint8 [B, H, W, 3] at qualities [B].

    key: of the noise; None: of what is rounded, as a file has it.
    """
    batch, height, width, _ = images.shape
    params = at_qualities(params, qualities, jnp)
    x = scale_pixels(images.astype(jnp.float32))
    y, z = model.analyse(net, params, x)
    hyper = model.hyper_law(params)
    hyper_step = jnp.exp(hyper.log_step)
    u = jnp.clip(z / hyper_step, -_HYPER_LIMIT, _HYPER_LIMIT)
    law = model.latent_law(net, params, hyper_step * rounded(u))
    step = jnp.exp(law.log_step)
    v = (y - law.loc) / step
    hyper_bits = -jnp.log2(hyper_masses(hyper, _spread(u, key, 0)))
    latent_bits = -jnp.log2(latent_masses(law.log_scale, _spread(v, key, 1)))
    pictures = model.synthesise(net, params, law.loc + step * rounded(v))
    rate = jnp.stack([bits.sum((1, 2, 3)) for bits in (hyper_bits, latent_bits)], 1) / (height * width)
    return RateDistortion(rate, jnp.zeros(batch), distortion_of(model.distortion, pictures, x), pictures)


def quantised_objective(model: QuantisedModel, net: FloatNet) -> Objective:
    """The losses.Objective of a quantised model."""
    return curve_objective(
        model.lambdas, lambda params, images, q, key: quantised_terms(model, params, images, q, key, net)
    )


def hyper_masses(law: HyperLaw, u: jax.Array) -> jax.Array:
    """The mass between u - 1/2 and u + 1/2, [B, h, w, N], at least LEAST_MASS."""
    logits, loc, log_scale = (part[:, None, None] for part in law[:3])
    distance = u[..., None] - loc
    sign = jnp.where(distance > 0.0, -1.0, 1.0)  # the tail with more digits
    inverse = jnp.exp(-log_scale)
    upper, lower = (jax.nn.sigmoid(sign * (distance + d) * inverse) for d in (0.5, -0.5))
    return at_least(jnp.sum(jax.nn.softmax(logits) * jnp.abs(upper - lower), -1), LEAST_MASS)


def latent_masses(log_scale: jax.Array, v: jax.Array) -> jax.Array:
    """The mass of N(0, scale^2) between v - 1/2 and v + 1/2, at least LEAST_MASS; the scale as files have it."""
    inverse, v = jnp.exp(-jnp.minimum(at_least(log_scale, LOG_SCALES[0]), LOG_SCALES[1])), jnp.abs(v)
    return at_least(ndtr((0.5 - v) * inverse) - ndtr((-0.5 - v) * inverse), LEAST_MASS)


def rounded(x: jax.Array) -> jax.Array:
    """The nearest integer, with the gradient of x."""
    return x + jax.lax.stop_gradient(jnp.floor(x + 0.5) - x)


def _spread(x: jax.Array, key: jax.Array | None, number: int) -> jax.Array:
    """With noise, or rounded."""
    if key is None:
        return rounded(x)
    return x + jax.random.uniform(child_key(key, number), x.shape, minval=-0.5, maxval=0.5)

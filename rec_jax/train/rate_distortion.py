"""What training of a lossy model minimises: rate plus lambda times distortion, at a quality drawn for every image.

    L = R + lambda D,   R = sum_l KL(q_l || p_l) in bits per pixel,   D of distortion.py

The loss at high qualities is many times that at low ones. Both R and lambda D grow about as the root of lambda, so
every image is weighted by lambda^-1/2: a saving of one per cent counts alike all along the curve.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import kl_nats, sample
from rec_jax.core.prng import child_key
from rec_jax.models.base import LossyModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.knots import MAX_QUALITY, at_qualities, lambda_of
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.train.distortion import distortion_of
from rec_jax.train.losses import LossParts, Objective

_QUALITIES, _LATENTS = 1 << 21, 1 << 22  # numbers of keys that no layer has


class RateDistortion(NamedTuple):
    """Of each image of a batch."""

    rate_bpp: jax.Array  # [B, G], of the groups of layers, top first
    beyond_bpp: jax.Array  # [B], what latents carry beyond the most that one should
    distortion: jax.Array  # [B]
    pictures: jax.Array  # [B, H, W, 3], scaled


def terms(
    model: LossyModel, params: Any, images: jax.Array, qualities: jax.Array, key: jax.Array, net: FloatNet,
    most_dim_nats: float = math.inf,
) -> RateDistortion:  # fmt: skip
    """Rate and distortion of images uint8 [B, H, W, 3] at qualities [B], with one posterior sample each."""
    batch, height, width, _ = images.shape
    params = at_qualities(params, qualities, jnp)

    def draw(layer, prior, hidden):
        q, p = gaussian(*model.posterior(net, layer.params, hidden, layer.context)), gaussian(*prior)
        kl = kl_nats(q, p)
        record = kl.sum((1, 2, 3)), jnp.maximum(kl - most_dim_nats, 0.0).sum((1, 2, 3))
        return sample(child_key(key, layer.number), q), record

    x = scale_pixels(images.astype(jnp.float32))
    pictures, records = model.top_down(net, params, draw, batch, (height, width), model.infer(net, params, x))
    scale = 1.0 / (math.log(2.0) * height * width)
    bits = [scale * jnp.stack([layers.sum(0) for layers in part]) for part in zip(*records, strict=True)]
    return RateDistortion(bits[0].T, bits[1].sum(0), distortion_of(model.distortion, pictures, x), pictures)


def rate_distortion_objective(
    model: LossyModel, net: FloatNet, most_dim_nats: float, beyond_weight: float = 1.0
) -> Objective:
    """Of a model for relative entropy coding; what a latent carries beyond most_dim_nats costs beyond_weight more."""

    def terms_of(params, images, qualities, key) -> RateDistortion:
        return terms(model, params, images, qualities, key, net, most_dim_nats)

    return curve_objective(model.lambdas, terms_of, beyond_weight)


def curve_objective(
    bounds: tuple[float, float], terms_of: Callable[..., RateDistortion], beyond_weight: float = 1.0
) -> Objective:
    """Of any lossy model, by terms_of(params, images, qualities, key); bounds: its lambdas."""

    def objective(params, images, key, step):
        del step
        n = len(images)
        places = jnp.arange(n) + jax.random.uniform(child_key(key, _QUALITIES), (n,))  # one in each n-th of the curve
        qualities = places * (MAX_QUALITY / n)
        found = terms_of(params, images, qualities, child_key(key, _LATENTS))
        lambdas = lambda_of(bounds, qualities, jnp)
        middle = math.sqrt(bounds[0] * bounds[1])
        rate, cost = found.rate_bpp.sum(1), lambdas * found.distortion
        weighted = (rate + beyond_weight * found.beyond_bpp + cost) * jnp.sqrt(middle / lambdas)
        to_nats_per_dim = math.log(2.0) / 3.0
        parts = LossParts(to_nats_per_dim * jnp.mean(cost), to_nats_per_dim * jnp.mean(rate))
        return to_nats_per_dim * jnp.mean(weighted), parts

    return objective

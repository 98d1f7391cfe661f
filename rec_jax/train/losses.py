"""What training of a lossless model minimises: the negative ELBO with free bits; without latents, -log p(x)."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.core.arrays import AnyArray
from rec_jax.models.base import BoundedModel
from rec_jax.models.elbo import elbo_terms
from rec_jax.models.float_net import FloatNet


class LossParts(NamedTuple):
    """The two terms of the ELBO, or of rate and distortion, unweighted; nats per dimension, mean over the batch."""

    distortion_nats_per_dim: jax.Array  # [], -log p(x | z), or lambda D
    kl_nats_per_dim: jax.Array  # [], sum over layers


# (params, images uint8 [B, H, W, 3], key, step) -> (loss in nats per dimension, its parts)
Objective = Callable[[Any, jax.Array, jax.Array, jax.Array], tuple[jax.Array, LossParts]]


def free_bits_kl_nats(kl_nats: jax.Array, channel_mask: AnyArray, free_nats: float) -> jax.Array:
    """sum_{l, c} max(mean over the batch of KL_{l, c}, free_nats): a channel costs nothing below free_nats.

    kl_nats: [B, L, C], summed over positions.  channel_mask: [L, C], False where a layer has no such channel.
    Returns nats per image, []. (Kingma et al. 2016, Eq. 15, with one group per channel of a layer.)
    """
    floored = jnp.maximum(jnp.mean(kl_nats, axis=0), free_nats)
    return jnp.sum(jnp.where(channel_mask, floored, 0.0))


def negative_elbo(
    params: Any,
    model: BoundedModel,
    net: FloatNet,
    images: jax.Array,
    key: jax.Array,
    free_nats: float,
    kl_weight: jax.Array | float = 1.0,
) -> tuple[jax.Array, LossParts]:
    """The loss in nats per dimension (KL weighted, free bits applied), and the terms of the plain ELBO.

    net: how it is computed.  images: uint8 [B, H, W, 3].  key: draws z ~ q(z | x).  Dimensions are H * W * 3.
    """
    n_dims = images[0].size
    terms = elbo_terms(model, params, images, key, net)
    distortion = -jnp.mean(terms.log_likelihood_nats)
    loss = distortion + kl_weight * free_bits_kl_nats(terms.kl_nats, terms.channel_mask, free_nats)
    kl = jnp.mean(jnp.sum(terms.kl_nats, axis=(1, 2)))
    return loss / n_dims, LossParts(distortion / n_dims, kl / n_dims)


def kl_weight_schedule(step: jax.Array, warmup_steps: int) -> jax.Array:
    """Weight of the KL at a step: from 0.1 to 1, linearly over warmup_steps (0: always 1).

    A network that may spend nats early learns to use its latents before the prior has learned to predict them
    (Sonderby et al. 2016, arXiv:1602.02282).
    """
    return jnp.minimum(1.0, 0.1 + 0.9 * step / warmup_steps) if warmup_steps else jnp.ones(())

"""The evidence lower bound: log p(x | z) - sum_l KL(q_l || p_l), one posterior sample."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.gaussian import kl_nats, sample
from rec_jax.core.prng import child_key
from rec_jax.models.base import LatentModel
from rec_jax.models.likelihoods import log_likelihood_nats


class ElboTerms(NamedTuple):
    """The bound's two terms per image, in nats; ELBO = log_likelihood_nats - kl_nats.sum((1, 2))."""

    log_likelihood_nats: jax.Array  # [B]
    kl_nats: jax.Array  # [B, L, C], top layer first, summed over positions; 0 where a layer has fewer channels
    channel_mask: np.ndarray  # bool [L, C], True where the layer has that channel


def elbo_terms(model: LatentModel, params, images: jax.Array, key: jax.Array) -> ElboTerms:
    """Terms of the ELBO of images uint8 [B, H, W, 3]; key draws z ~ q."""
    batch, height, width, _ = images.shape

    def draw(layer, q, p, _):
        return sample(child_key(key, layer), q), jnp.sum(kl_nats(q, p), axis=(1, 2))

    inference = model.infer(params, images)
    pixels, records = model.top_down(params, draw, batch=batch, height=height, width=width, inference=inference)
    widest = max(record.shape[-1] for record in records)
    kl = [jnp.pad(record, ((0, 0), (0, 0), (0, widest - record.shape[-1]))) for record in records]
    channels = np.array([shape[-1] for shape in model.latent_shapes(height, width)])
    log_likelihood = log_likelihood_nats(model.likelihood, pixels["shared"], pixels["outputs"], images)
    return ElboTerms(log_likelihood, jnp.concatenate(kl).transpose(1, 0, 2), np.arange(widest) < channels[:, None])

"""The evidence lower bound: log p(x | z) - sum_l KL(q_l || p_l), one posterior sample.

Of logistic latents, the KL is log q - log p at that sample.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.gaussian import kl_nats, sample
from rec_jax.core.prng import child_key
from rec_jax.models.base import BoundedModel, ContinuousFlow, IntegerFlow, MarkovModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.flow_bound import dequantised_terms
from rec_jax.models.gaussians import gaussian
from rec_jax.models.integer_flow import flow_log_prob_nats
from rec_jax.models.likelihoods.base import log_likelihood_nats, scale_pixels
from rec_jax.models.markov import as_tiles, kl_samples

_NET = FloatNet()


class ElboTerms(NamedTuple):
    """The bound's two terms per image, in nats; ELBO = log_likelihood_nats - kl_nats.sum((1, 2))."""

    log_likelihood_nats: jax.Array  # [B]
    kl_nats: jax.Array  # [B, L, C], top layer first, summed over positions; 0 where a layer has fewer channels
    channel_mask: np.ndarray  # bool [L, C], True where the layer has that channel


def elbo_terms(model: BoundedModel, params, images: jax.Array, key: jax.Array, net: FloatNet = _NET) -> ElboTerms:
    """Terms of the ELBO of images uint8 [B, H, W, 3]; key draws z ~ q.  net: its precision, scanned or not.

    Of an integer flow, which has no latents, it is log p(x); of a continuous one, u is the latent.
    """
    batch, height, width, _ = images.shape
    if isinstance(model, ContinuousFlow):
        log_likelihood, log_q = dequantised_terms(model, net, params, images, key)
        return ElboTerms(log_likelihood, log_q[:, None, None], np.ones((1, 1), bool))
    if isinstance(model, IntegerFlow):
        none = np.zeros((0, 0), bool)
        return ElboTerms(flow_log_prob_nats(model, net, params, images), jnp.zeros((batch, 0, 0)), none)
    if isinstance(model, MarkovModel):
        return _markov_terms(model, params, images, key, net)

    def draw(layer, prior, hidden):
        q, p = gaussian(*model.posterior(net, layer.params, hidden, layer.context)), gaussian(*prior)
        return sample(child_key(key, layer.number), q), jnp.sum(kl_nats(q, p), axis=(1, 2))

    contexts = model.infer(net, params, scale_pixels(images.astype(jnp.float32)))
    outputs, records = model.top_down(net, params, draw, batch, (height, width), contexts)
    widest = max((record.shape[-1] for record in records), default=0)
    kl = [jnp.zeros((0, batch, widest))]
    kl += [jnp.pad(record, ((0, 0), (0, 0), (0, widest - record.shape[-1]))) for record in records]
    channels = np.array([group.channels for group in model.groups for _ in range(group.n_layers)], int)
    log_likelihood = log_likelihood_nats(model.likelihood, net, params["likelihood"], outputs, images)
    return ElboTerms(log_likelihood, jnp.concatenate(kl).transpose(1, 0, 2), np.arange(widest) < channels[:, None])


def _markov_terms(model: MarkovModel, params, images: jax.Array, key: jax.Array, net: FloatNet) -> ElboTerms:
    """Of tiles of the model's size, added up."""
    tiles = as_tiles(images, model.stride)
    outputs, kl = kl_samples(model, net, params, scale_pixels(tiles.astype(jnp.float32)), key)
    log_likelihood = log_likelihood_nats(model.likelihood, net, params["likelihood"], outputs, tiles)
    n_layers, _, n_channels = kl.shape
    kl = kl.reshape(n_layers, len(images), -1, n_channels).sum(2).transpose(1, 0, 2)
    log_likelihood = log_likelihood.reshape(len(images), -1).sum(1)
    return ElboTerms(log_likelihood, kl, np.ones((n_layers, n_channels), bool))

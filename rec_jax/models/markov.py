"""The walks of a base.MarkovModel in floats: its bound, its pictures, and what initial parameters are made on."""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.core.prng import child_key
from rec_jax.models import logistics
from rec_jax.models.base import MarkovModel


def draw_posterior(model: MarkovModel, net: Any, params: dict, x: Any, key: jax.Array) -> list[Any]:
    """(z, q) of every layer, from the picture up: z_i ~ q(z_i | z_{i-1}), z_0 = x, scaled pixels [B, H, W, 3]."""
    drawn, below = [], x
    for number in range(n_layers(model)):
        q = logistics.posterior(*model.inference_law(net, params, number, below))
        z = logistics.sample(child_key(key, number), q)
        drawn.append((z, q))
        below = logistics.within_span(z)
    return drawn


def generative_laws(model: MarkovModel, net: Any, params: dict, latents: list[Any]) -> list[logistics.Logistic]:
    """p(z_i | z_{i+1}) of every layer, z_1 first; of the last one the standard logistic."""
    above = [logistics.within_span(z) for z in latents[1:]]
    laws = [logistics.generative(*model.generative_law(net, params, i + 1, z)) for i, z in enumerate(above)]
    return [*laws, standard(latents[-1])]


def kl_samples(model: MarkovModel, net: Any, params: dict, x: Any, key: jax.Array) -> tuple[Any, jax.Array]:
    """(what p(x | z_1) is made of, log q - log p of each layer summed over places, [L, B, C], top layer first).

    x: tiles of the model's size.  One draw of z: two logistics have no KL in closed form.
    """
    drawn = draw_posterior(model, net, params, x, key)
    latents = [z for z, _ in drawn]
    laws = generative_laws(model, net, params, latents)
    terms = [logistics.log_prob(z, q) - logistics.log_prob(z, p) for (z, q), p in zip(drawn, laws, strict=True)]
    outputs = model.outputs(net, params, logistics.within_span(latents[0]))
    return outputs, jnp.stack([term.sum((1, 2)) for term in reversed(terms)])


def draw_prior(model: MarkovModel, net: Any, params: dict, key: jax.Array, n: int) -> Any:
    """What p(x | z_1) is made of, for n tiles, z ~ p(z)."""
    (group,) = model.groups
    shape = n, model.stride // group.stride, model.stride // group.stride, group.channels
    z = logistics.sample(child_key(key, group.n_layers), standard(jnp.zeros(shape)))
    for number in reversed(range(1, group.n_layers)):
        law = model.generative_law(net, params, number, logistics.within_span(z))
        z = logistics.sample(child_key(key, number), logistics.generative(*law))
    return model.outputs(net, params, logistics.within_span(z))


def as_tiles(images: Any, side: int) -> Any:
    """Pictures [B, H, W, C], cut: [B n, side, side, C], those of a picture row by row."""
    batch, height, width, channels = images.shape
    cut = images.reshape(batch, height // side, side, width // side, side, channels)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(-1, side, side, channels)


def of_tiles(tiles: Any, size: tuple[int, int]) -> Any:
    """The inverse: pictures of size (H, W)."""
    (height, width), (_, side, _, channels) = size, tiles.shape
    cut = tiles.reshape(-1, height // side, width // side, side, side, channels)
    return cut.transpose(0, 1, 3, 2, 4, 5).reshape(-1, height, width, channels)


def n_layers(model: MarkovModel) -> int:
    """L."""
    return sum(group.n_layers for group in model.groups)


def standard(like: Any) -> logistics.Logistic:
    """p(z_L)."""
    return logistics.Logistic(jnp.zeros_like(like), 1.0)

"""Pictures that a model draws: of its prior, or of the posterior of given ones."""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import sample
from rec_jax.core.prng import child_key
from rec_jax.models.base import IntegerFlow, IntegerLaw, MarkovModel, PixelModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.integer_flow import MIDDLE, VALUE_BITS
from rec_jax.models.likelihoods.base import MIN_LOG_SCALE, N_VALUES, Likelihood, colour_mixture, scale_pixels
from rec_jax.models.markov import as_tiles, draw_prior, kl_samples, of_tiles

_LATENTS, _PIXELS = range(2)  # children of a key
_NET = FloatNet()


def prior_pictures(
    model: PixelModel | IntegerFlow, params: Any, key: jax.Array, n: int, size: tuple[int, int]
) -> jax.Array:
    """n pictures x ~ p(x | z), z ~ p(z), uint8 [n, H, W, 3]; size: (H, W), multiples of the model's stride."""
    if isinstance(model, IntegerFlow):
        return _flow_pictures(model, params, key, n, size)
    latents_key = child_key(key, _LATENTS)

    def draw(layer, prior, hidden):
        del hidden
        return sample(child_key(latents_key, layer.number), gaussian(*prior)), None

    if isinstance(model, MarkovModel):
        n_tiles = n * (size[0] // model.stride) * (size[1] // model.stride)
        return _of_tiles(model, params, draw_prior(model, _NET, params, latents_key, n_tiles), key, size)
    outputs, _ = model.top_down(_NET, params, draw, n, size)
    return draw_pixels(model.likelihood, params["likelihood"], outputs, child_key(key, _PIXELS), (n, *size))


def posterior_pictures(model: PixelModel, params: Any, key: jax.Array, images: jax.Array) -> jax.Array:
    """Pictures x' ~ p(x' | z), z ~ q(z | x) of images x, uint8 [B, H, W, 3]: what the latents carry of them."""
    latents_key, x = child_key(key, _LATENTS), scale_pixels(images.astype(jnp.float32))
    batch, height, width, _ = images.shape
    if isinstance(model, MarkovModel):
        outputs, _ = kl_samples(model, _NET, params, as_tiles(x, model.stride), latents_key)
        return _of_tiles(model, params, outputs, key, (height, width))

    def draw(layer, prior, hidden):
        del prior
        q = gaussian(*model.posterior(_NET, layer.params, hidden, layer.context))
        return sample(child_key(latents_key, layer.number), q), None

    outputs, _ = model.top_down(_NET, params, draw, batch, (height, width), model.infer(_NET, params, x))
    return draw_pixels(model.likelihood, params["likelihood"], outputs, child_key(key, _PIXELS), (batch, height, width))


def _of_tiles(model: MarkovModel, params: Any, outputs: jax.Array, key: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Pictures of a size, of what a network says of their tiles."""
    shape = len(outputs), model.stride, model.stride
    pixels = draw_pixels(model.likelihood, params["likelihood"], outputs, child_key(key, _PIXELS), shape)
    return of_tiles(pixels, size)


def draw_pixels(
    likelihood: Likelihood, params: Any, outputs: jax.Array, key: jax.Array, shape: tuple[int, ...]
) -> jax.Array:
    """x ~ p(x | z), phase by phase and colour by colour, uint8 [B, H, W, 3]; shape: (B, H, W)."""
    pixels = jnp.zeros((*shape, 3), jnp.float32)
    for number, phase in enumerate(likelihood.phases(*shape[1:])):
        rows = likelihood.rows(_NET, params, outputs, pixels, phase)
        part = phase.of(pixels)
        for channel in range(3):
            mixture = colour_mixture(rows, scale_pixels(part), channel)
            values = _draw_values(mixture, child_key(child_key(key, number), channel))
            part = part.at[..., channel].set(values)
        stop_row, stop_column = (
            first + n * phase.step for first, n in ((phase.top, part.shape[1]), (phase.left, part.shape[2]))
        )
        where = slice(phase.top, stop_row, phase.step), slice(phase.left, stop_column, phase.step)
        pixels = pixels.at[:, *where].set(part)
    return pixels.astype(jnp.uint8)


def _draw_values(mixture: tuple[Any, Any, Any], key: jax.Array) -> jax.Array:
    """Values 0 .. 255 of one colour: of a logistic, which the outer bins cut off."""
    logits, loc, log_scale = mixture
    component = jax.random.categorical(key, logits)[..., None]
    loc, log_scale = (jnp.take_along_axis(x, component, axis=-1)[..., 0] for x in jnp.broadcast_arrays(loc, log_scale))
    noise = jax.random.logistic(child_key(key, 0), component.shape[:-1])
    x = loc + noise * jnp.exp(jnp.maximum(log_scale, MIN_LOG_SCALE))
    return jnp.clip(jnp.floor((x + 0.5) * N_VALUES), 0, N_VALUES - 1)


def _flow_pictures(model: IntegerFlow, params: Any, key: jax.Array, n: int, size: tuple[int, int]) -> jax.Array:
    """Of a flow, which gives some whose values leave 0 .. 255: clipped."""
    n_drawn = 0

    def draw(law: IntegerLaw, shape: tuple[int, int, int]) -> jax.Array:
        nonlocal n_drawn
        n_drawn += 1
        return _draw_integers(law, child_key(key, n_drawn), (n, *shape))

    values = model.inverse(_NET, params, draw, size)
    return jnp.clip(values + MIDDLE, 0, N_VALUES - 1).astype(jnp.uint8)


def _draw_integers(law: IntegerLaw, key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    logits, loc, log_scale = (jnp.broadcast_to(part, (*shape, part.shape[-1])) for part in law)
    component = jax.random.categorical(key, logits)[..., None]
    loc, log_scale = (jnp.take_along_axis(part, component, axis=-1)[..., 0] for part in (loc, log_scale))
    noise = jax.random.logistic(child_key(key, 0), shape)
    return jnp.floor((loc + noise * jnp.exp(jnp.maximum(log_scale, MIN_LOG_SCALE))) * 2.0**VALUE_BITS + 0.5)

"""The decoder's walk under jax, for many tiles on an accelerator: the same integers as under numpy."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.codec.latents import exact_walk, layer_units
from rec_jax.codec.package import Package
from rec_jax.core.errors import ConfigError
from rec_jax.exact.network import ExactNet
from rec_jax.exact.scope import exact_jax
from rec_jax.models.base import TopDownModel
from rec_jax.models.exact_params import exact_params


def walk_on_device(package: Package, layout: Any, numbers: list[int], codes: Any, platform: str) -> np.ndarray:
    """`latents.walk_outputs` on the first device of a platform; ConfigError if there is none."""
    try:
        device = jax.devices(platform)[0]
    except RuntimeError as error:
        raise ConfigError(f"device {platform!r} is not there ({str(error).splitlines()[0]}); leave it out") from None
    layers, units = layer_units(layout.calls, numbers, codes)
    coders = tuple(call.coder for call in layout.calls)
    with exact_jax(), jax.default_device(device):
        params = exact_params(package.model, package.stored, jnp)
        outputs = _walk(package.model, coders, layout.side, params, layers, units)
        return np.asarray(outputs)


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _walk(model: TopDownModel, coders: tuple, side: int, params: Any, layers: Any, units: Any) -> jax.Array:
    return exact_walk(model, ExactNet(jnp), params, coders, layers, units, side)

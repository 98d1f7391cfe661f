"""A network trained under the paper's likelihood, carried over to a richer one without losing what it knows.

Only the last convolution and the likelihood's own parameters change: every loc goes on as it was, and what the paper's
likelihood has not (weights, scales per pixel, slopes between colours) starts with gain 0, hence the same everywhere.
"""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.models.likelihoods.base import Likelihood
from rec_jax.models.likelihoods.logistic import Logistic, PixelScaleLogistic
from rec_jax.models.likelihoods.mixture import ColourMixture


def widen(params: dict[str, Any], likelihood: Likelihood, key: jax.Array) -> dict[str, Any]:
    """ResNetVAE parameters for `likelihood`, from `params` of the same network under `Logistic`.

    With one component per channel p(x | z) is at first exactly what it was. key: draws the directions (`v`) of the
    outputs that start at 0, so that they do not all learn the same.
    """
    shared, sources = _sources(likelihood, params["likelihood"]["log_scale"])
    last = params["up_sample"][0]
    n_positions = last["b"].shape[0] // Logistic.n_outputs  # pixels that the convolution puts out at each position
    kept = jnp.tile(jnp.array([source is not None for source in sources]), n_positions)
    first = Logistic.n_outputs * jnp.arange(n_positions)[:, None]
    old = (first + jnp.array([source or 0 for source in sources])).reshape(-1)
    v = jax.random.normal(key, (*last["v"].shape[:-1], old.shape[0])) * jnp.std(last["v"])
    widened = {
        "v": jnp.where(kept, last["v"][..., old], v),
        "g": jnp.where(kept, last["g"][old], 0.0),
        "b": jnp.where(kept, last["b"][old], 0.0),
    }
    return {**params, "likelihood": shared, "up_sample": [widened, *params["up_sample"][1:]]}


def _sources(likelihood: Likelihood, log_scale: jax.Array) -> tuple[dict[str, jax.Array], list[int | None]]:
    """The likelihood's own parameters, and for each of its outputs which of Logistic's 3 it starts as, or None."""
    match likelihood:
        case Logistic():
            return {"log_scale": log_scale}, [0, 1, 2]
        case PixelScaleLogistic():
            return {"log_scale": log_scale}, [0, 1, 2, None, None, None]
        case ColourMixture(n):  # components of one loc differ by their scales, over a factor of e^2
            spread = jnp.linspace(-1.0, 1.0, n) if n > 1 else jnp.zeros(1)
            sources = [None] * 3 * n + [0] * n + [1] * n + [2] * n + [None] * 6 * n
            return {"log_scale": log_scale + spread, "loc": jnp.zeros(n)}, sources
    raise TypeError(f"no way from the paper's likelihood to {likelihood!r}")

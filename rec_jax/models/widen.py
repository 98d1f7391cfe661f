"""A network trained under the paper's likelihood, carried over to a richer one without losing what it knows.

Only the last convolution and the likelihood's own parameters change: every loc goes on as it was, and what the paper's
likelihood has not (weights, scales per pixel, slopes between colours) starts with gain 0, hence the same everywhere.
"""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.models.likelihoods import Likelihood, Logistic


def widen(params: dict[str, Any], likelihood: Likelihood, key: jax.Array) -> dict[str, Any]:
    """ResNetVAE parameters for `likelihood`, from `params` of the same network under `Logistic`.

    With one component per channel p(x | z) is at first exactly what it was. key: draws the directions (`v`) of the
    outputs that start at 0, so that they do not all learn the same.
    """
    shared, sources = likelihood.from_logistic(params["likelihood"])
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

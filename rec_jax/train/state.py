"""Everything a training run carries from step to step, and nothing callable."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from rec_jax.models.base import AnyModel, StartingModel
from rec_jax.models.init import init_params
from rec_jax.train.metrics import Totals, no_totals


class TrainState(NamedTuple):
    """A pytree; the data position and all keys are functions of (config.seed, step), so they need no fields."""

    step: jax.Array  # int32 [], updates done
    params: Any
    ema_params: Any  # exponential moving average of params: what is evaluated and exported
    opt_state: optax.OptState
    totals: Totals


def create_state(
    model: AnyModel,
    optimizer: optax.GradientTransformation,
    key: jax.Array,
    images: jax.Array,
    initial_params: Any = None,
) -> TrainState:
    """The state at step 0, of initial_params or, if None, of new ones, which images uint8 [B, H, W, 3] scale."""
    if initial_params is None:
        assert not isinstance(model, StartingModel), "it makes its own"
        initial_params = init_params(model, key, images)
    params = jax.tree.map(partial(jnp.asarray, dtype=jnp.float32), initial_params)  # none weakly typed
    ema_params = jax.tree.map(jnp.copy, params)  # buffers of its own: the step donates both
    return TrainState(jnp.zeros((), jnp.int32), params, ema_params, optimizer.init(params), no_totals())

"""Adamax and Adam with warm-up, decay and gradient clipping."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from rec_jax.core.errors import ConfigError
from rec_jax.models.likelihoods.base import Likelihood

Schedule = Callable[[Any], jax.Array]  # count of updates -> learning rate


def learning_rate_schedule(
    learning_rate: float,
    warmup_steps: int,
    schedule: str,
    cosine_steps: int,
    decay_steps: Sequence[int] = (),
    decay_factor: float = 1.0,
) -> Schedule:
    """count -> learning rate of update count (from 0): a linear warm-up times a decay.

    piecewise: decay_factor ^ #{s in decay_steps: s <= count}.  cosine: (1 + cos(pi count / cosine_steps)) / 2,
    whatever step the run stops at.

    Raises:
      ConfigError: for another schedule.
    """
    if schedule not in ("piecewise", "cosine"):
        raise ConfigError(f"train.schedule={schedule!r} is unknown; have piecewise, cosine")

    def rate(count):
        warmup = jnp.minimum(1.0, (count + 1) / max(warmup_steps, 1))
        if schedule == "cosine":
            decay = 0.5 * (1.0 + jnp.cos(jnp.pi * jnp.minimum(count / cosine_steps, 1.0)))
        else:
            decay = decay_factor ** sum(jnp.asarray(count >= step, jnp.float32) for step in decay_steps)
        return learning_rate * warmup * decay

    return rate


def make_optimizer(
    optimizer: str, schedule: Schedule, clip_norm: float | None, adam_b2: float = 0.999
) -> optax.GradientTransformation:
    """Adamax or Adam after clipping the gradient's global norm to clip_norm (None or 0: no clipping).

    The gradient is that of the loss in nats per dimension.  adam_b2: decay of Adam's second moment.

    Raises:
      ConfigError: for another optimizer.
    """
    match optimizer:
        case "adamax":
            update = optax.adamax(schedule)
        case "adam":
            update = optax.adam(schedule, b2=adam_b2)
        case other:
            raise ConfigError(f"train.optimizer={other!r} is unknown; have adamax, adam")
    return optax.chain(optax.clip_by_global_norm(clip_norm), update) if clip_norm else update


def in_coordinates_of(likelihood: Likelihood, inner: optax.GradientTransformation) -> optax.GradientTransformation:
    """The optimizer `inner`, in the coordinates in which a model's likelihood is learned; it must not look at params.

    `params` remain those of the model.
    """

    def change(tree: Any, to_gradient: bool) -> Any:
        return tree | {"likelihood": likelihood.change_coordinates(tree["likelihood"], to_gradient)}

    def update(updates, state, params=None):
        updates, state = inner.update(change(updates, to_gradient=True), state, params)
        return change(updates, to_gradient=False), state

    return optax.GradientTransformation(inner.init, update)

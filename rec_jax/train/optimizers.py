"""Adamax and Adam with warm-up, decay and gradient clipping."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from rec_jax.core.errors import ConfigError

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


def make_optimizer(optimizer: str, schedule: Schedule, clip_norm: float | None) -> optax.GradientTransformation:
    """Adamax or Adam after clipping the gradient's global norm to clip_norm (None or 0: no clipping).

    The gradient is that of the loss in nats per dimension.

    Raises:
      ConfigError: for another optimizer.
    """
    match optimizer:
        case "adamax":
            update = optax.adamax(schedule)
        case "adam":
            update = optax.adam(schedule)
        case other:
            raise ConfigError(f"train.optimizer={other!r} is unknown; have adamax, adam")
    return optax.chain(optax.clip_by_global_norm(clip_norm), update) if clip_norm else update

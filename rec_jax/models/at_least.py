"""A bound from below that training can come back from."""

import jax
import jax.numpy as jnp


@jax.custom_vjp
def at_least(x: jax.Array, least: float) -> jax.Array:
    """max(x, least), with a gradient below it where that leads upwards: else what falls there never comes back."""
    return jnp.maximum(x, least)


def _at_least_forward(x, least):
    return jnp.maximum(x, least), x >= least


def _at_least_backward(inside, gradient):
    return jnp.where(inside | (gradient < 0.0), gradient, 0.0), None


at_least.defvjp(_at_least_forward, _at_least_backward)

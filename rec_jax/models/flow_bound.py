"""The bound of a dequantised flow on log p(x): log p(x + u) - log q(u | x), one draw of u."""

from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.models.base import ContinuousFlow
from rec_jax.models.float_net import FloatNet

_LOG_2PI = 1.8378770664093453


def dequantised_terms(
    model: ContinuousFlow, net: FloatNet, params: Any, images: jax.Array, key: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(log p(x + u), log q(u | x)) in nats, [B] each, of images uint8 [B, H, W, 3]; key draws e, and with it u.

    The mean of log q(u | x) is q's divergence from the uniform law on 0 .. 1.
    """
    x = images.astype(jnp.float32)
    e = jax.random.normal(key, x.shape)
    u, of_u = _walk(lambda apply: model.dequantise(net, params, apply, e, x), len(x))
    z, of_z = _walk(lambda apply: model.flow(net, params, apply, x + u), len(x))
    return _log_normal(z) + of_z, _log_normal(e) - of_u


def _walk(walk: Any, batch: int) -> tuple[jax.Array, jax.Array]:
    """(what a walk ends in, the sum of the log slopes of its maps [B])."""
    log_slopes = []

    def apply(elementwise, x):
        y, log_slope = elementwise.forward(x, jnp)
        log_slopes.append(log_slope.reshape(batch, -1).sum(1))
        return y

    return walk(apply), sum(log_slopes, jnp.zeros(batch))


def _log_normal(x: jax.Array) -> jax.Array:
    """log N(x; 0, 1) per image, [B]."""
    return -0.5 * (x**2 + _LOG_2PI).reshape(len(x), -1).sum(1)

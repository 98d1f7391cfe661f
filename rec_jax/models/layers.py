"""Convolutions with weight normalisation and data-dependent initialisation, and pixel (un)shuffles.

Weight normalisation: w = g v / ||v||, per output channel; g and the bias are set so that the first batch leaves with
mean 0 and standard deviation `init_scale` (Salimans and Kingma 2016, arXiv:1602.07868).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

_EPSILON = 1e-6


class WeightNormConv(nn.Module):
    """3x3 (by default) convolution with padding SAME; [B, H, W, C] -> [B, H, W, features], float32 out."""

    features: int
    kernel: tuple[int, int] = (3, 3)
    init_scale: float = 1.0
    dtype: Any = jnp.float32

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel, x.shape[-1], self.features)
        v = self.param("v", nn.initializers.normal(0.05), shape)
        unit = v / (jnp.sqrt(jnp.sum(v**2, axis=(0, 1, 2))) + _EPSILON)
        if self.is_initializing():
            y = _conv(x, unit, jnp.float32)
            gain = self.init_scale / (jnp.std(y, axis=(0, 1, 2)) + _EPSILON)
            offset = -jnp.mean(y, axis=(0, 1, 2)) * gain
        else:
            gain = offset = jnp.zeros(self.features)
        g = self.param("g", lambda _: gain)
        b = self.param("b", lambda _: offset)
        return _conv(x, unit * g, self.dtype) + b


def _conv(x: jax.Array, kernel: jax.Array, dtype) -> jax.Array:
    y = jax.lax.conv_general_dilated(
        x.astype(dtype), kernel.astype(dtype), (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return y.astype(jnp.float32)


def space_to_depth(x: jax.Array, factor: int) -> jax.Array:
    """[B, H, W, C] -> [B, H/f, W/f, f*f*C]; a 3x3 convolution after it sees every pixel a 5x5 stride-2 one does."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // factor, factor, width // factor, factor, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // factor, width // factor, factor**2 * channels)


def depth_to_space(x: jax.Array, factor: int) -> jax.Array:
    """Inverse of `space_to_depth`: [B, h, w, f*f*C] -> [B, h*f, w*f, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, factor, factor, channels // factor**2)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * factor, width * factor, channels // factor**2)

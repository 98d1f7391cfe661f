"""Convolutions with weight normalisation and data-dependent initial parameters, by flax; what training starts from.

w = g v / ||v||, per output channel; g and the bias are set so that the first batch leaves with mean 0 and standard
deviation `init_scale` (Salimans and Kingma 2016, arXiv:1602.07868).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from rec_jax.core.layers import Layer, layer_at
from rec_jax.models.float_conv import convolve
from rec_jax.models.float_net import FloatNet

EPSILON = 1e-6  # of the norm


class InitNet(FloatNet):
    """Makes parameters as a model's walk asks for them: where `params` is an empty dict, it is filled in place.

    key: of the directions of all weights.  Data-dependent, so the walk must be given a real batch.
    """

    def __init__(self, key: jax.Array):
        super().__init__()
        self._key = key
        self._n_made = 0

    def conv(self, params: dict, x, features: int = 0, init_scale: float = 1.0, valid: bool = False, size: int = 3):
        """As FloatNet's, making {"v", "g", "b"} of a convolution with kernels of size x size."""
        key = jax.random.fold_in(self._key, self._n_made)
        self._n_made += 1
        y, variables = WeightNormConv(features, (size, size), init_scale, valid=valid).init_with_output(key, x)
        params |= variables["params"]
        return y

    output_conv = conv

    def repeat(self, step, state, layers, reverse: bool = False):
        """Over layers whose parameters are a LayerStack, to be filled; the records as a list."""
        n_layers = len(layers.params if isinstance(layers, Layer) else layers)
        records = [None] * n_layers
        for i in reversed(range(n_layers)) if reverse else range(n_layers):
            state, records[i] = step(state, layer_at(layers, i))
        return state, records


class WeightNormConv(nn.Module):
    """3x3 (by default) convolution with padding SAME; [B, H, W, C] -> [B, H, W, features], float32 out."""

    features: int
    kernel: tuple[int, int] = (3, 3)
    init_scale: float = 1.0
    dtype: Any = jnp.float32
    valid: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel, x.shape[-1], self.features)
        v = self.param("v", nn.initializers.normal(0.05), shape)
        unit = v / (jnp.sqrt(jnp.sum(v**2, axis=(0, 1, 2))) + EPSILON)
        if self.is_initializing():
            y = convolve(x, unit, jnp.float32, self.valid)
            gain = self.init_scale / (jnp.std(y, axis=(0, 1, 2)) + EPSILON)
            offset = -jnp.mean(y, axis=(0, 1, 2)) * gain
        else:
            gain = offset = jnp.zeros(self.features)
        g = self.param("g", lambda _: gain)
        b = self.param("b", lambda _: offset)
        return convolve(x, unit * g, self.dtype, self.valid) + b

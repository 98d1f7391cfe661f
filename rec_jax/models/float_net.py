"""The arithmetic of a network in float32 under jax: training, inference networks and everything an encoder searches.

A model is written once over a net's methods (models/base.py). Here are the one that applies parameters and the one that
makes them. Weight normalisation: w = g v / ||v||, per output channel; g and the bias are set so that the first batch
leaves with mean 0 and standard deviation `init_scale` (Salimans and Kingma 2016, arXiv:1602.07868).
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from rec_jax.core.layers import Layer, layer_at
from rec_jax.models.float_conv import convolve, convolve_plain
from rec_jax.models.likelihoods.base import scale_pixels

_EPSILON = 1e-6


class FloatNet:
    """Applies parameters.

    compute_dtype: of the convolutions.  unroll: trade compile time for the CPU speed of gradients.
    """

    xp = jnp

    def __init__(self, compute_dtype: Any = jnp.float32, unroll: bool = False):
        self.compute_dtype = compute_dtype
        self.unroll = unroll

    def conv(self, params: dict, x: jax.Array, features: int = 0, init_scale: float = 1.0, edge: bool = False):
        """Convolution [B, H, W, C] -> [B, H, W, features]; params {"v", "g", "b"}, or plain {"w", "b"}."""
        del init_scale
        if "w" in params:
            return convolve_plain(x, params["w"], self.compute_dtype, edge) + params["b"]
        module = WeightNormConv(
            features or params["b"].shape[-1], params["v"].shape[:2], dtype=self.compute_dtype, edge=edge
        )
        return module.apply({"params": params}, x)

    output_conv = conv

    def elu(self, x):
        """ELU: x above 0, exp(x) - 1 below."""
        return nn.elu(x)

    def conv_relu(self, params: dict, x: jax.Array, edge: bool = False):
        """The positive part of `conv`."""
        return nn.relu(self.conv(params, x, edge=edge))

    def add_relu(self, x, y):
        """The positive part of x + y."""
        return nn.relu(x + y)

    def add_scaled(self, x, factor: float, y):
        """x + factor y."""
        return x + factor * y

    def pixels(self, values, depth: int):
        """Pixel values of a depth, scaled."""
        return scale_pixels(values, depth)

    def multiply(self, x, y):
        """The product x y of two outputs."""
        return x * y

    def halve(self, x, times: int):
        """x / 2^times of an output."""
        return x * 2.0**-times

    def concat(self, parts):
        """Channels one after the other."""
        return jnp.concatenate(parts, axis=-1)

    def tile(self, vector, shape):
        """A vector at every position of shape."""
        return jnp.broadcast_to(vector, (*shape, vector.shape[-1]))

    def repeat(self, step: Callable, state, layers, reverse: bool = False):
        """step(state, layer) -> (state, record) over layers stacked on the first axis; the records stacked too."""
        if not self.unroll:
            return jax.lax.scan(step, state, layers, reverse=reverse)
        length = jax.tree.leaves(layers)[0].shape[0]
        records = [None] * length
        for i in reversed(range(length)) if reverse else range(length):
            state, records[i] = step(state, layer_at(layers, i))
        return state, jax.tree.map(lambda *leaves: jnp.stack(leaves), *records)


class InitNet(FloatNet):
    """Makes parameters as a model's walk asks for them: where `params` is an empty dict, it is filled in place.

    key: of the directions of all weights.  Data-dependent, so the walk must be given a real batch.
    """

    def __init__(self, key: jax.Array):
        super().__init__()
        self._key = key
        self._n_made = 0

    def conv(self, params: dict, x, features: int = 0, init_scale: float = 1.0, edge: bool = False):
        """As FloatNet's, making {"v", "g", "b"} of a 3x3 convolution."""
        key = jax.random.fold_in(self._key, self._n_made)
        self._n_made += 1
        y, variables = WeightNormConv(features, init_scale=init_scale, edge=edge).init_with_output(key, x)
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
    edge: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (*self.kernel, x.shape[-1], self.features)
        v = self.param("v", nn.initializers.normal(0.05), shape)
        unit = v / (jnp.sqrt(jnp.sum(v**2, axis=(0, 1, 2))) + _EPSILON)
        if self.is_initializing():
            y = convolve(x, unit, jnp.float32, self.edge)
            gain = self.init_scale / (jnp.std(y, axis=(0, 1, 2)) + _EPSILON)
            offset = -jnp.mean(y, axis=(0, 1, 2)) * gain
        else:
            gain = offset = jnp.zeros(self.features)
        g = self.param("g", lambda _: gain)
        b = self.param("b", lambda _: offset)
        return convolve(x, unit * g, self.dtype, self.edge) + b


def normalised_weights(params: dict) -> tuple[Any, Any]:
    """(w, b) of a convolution's parameters, whatever their form; numpy float64 arrays in, the same out."""
    if "w" in params:
        return params["w"], params["b"]
    v = params["v"]
    norm = (v**2).sum(axis=(-4, -3, -2)) ** 0.5 + _EPSILON
    return v * (params["g"] / norm)[..., None, None, None, :], params["b"]


def weight_norm_params(w: Any, b: Any) -> dict[str, Any]:
    """The parameters {"v", "g", "b"} of given weights, so that training may go on from them."""
    return {"v": w, "g": (w**2).sum(axis=(-4, -3, -2)) ** 0.5 + _EPSILON, "b": b}

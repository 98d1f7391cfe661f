"""The arithmetic of a network in floats under numpy: what an encoder does once per picture, of any size.

Nothing is compiled, so a picture of a new size costs nothing extra; and no jax is needed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rec_jax.core.layers import layer_at
from rec_jax.exact.convolution import convolve
from rec_jax.models.real_net import RealNet


class NumpyNet(RealNet):
    """models/float_net.py's operations on arrays of `dtype`, for parameters {"w", "b"}."""

    xp = np

    def __init__(self, dtype: Any = np.float32):
        self.dtype = dtype

    def conv(self, params: dict, x, features: int = 0, init_scale=1.0, valid: bool = False, size: int = 3):
        """Convolution [B, H, W, C] -> [B, H, W, features]; zeros surround x, or (valid) the kernel lies inside."""
        del features, init_scale, size
        w, b = (np.asarray(params[name], self.dtype) for name in ("w", "b"))

        def add_bias(sums):
            sums += b

        return convolve(np.asarray(x, self.dtype), w, valid, np, add_bias)

    output_conv = conv

    def conv_relu(self, params: dict, x, valid: bool = False):
        """The positive part of `conv`."""
        return np.maximum(self.conv(params, x, valid=valid), 0)

    def modulate_relu(self, x, gain_and_bias):
        """The positive part of gain x + bias, per channel."""
        return np.maximum(self.modulate(x, gain_and_bias), 0)

    def non_negative(self, weights):
        """Weights, what is below 0 as 0."""
        return np.maximum(weights, 0)

    def add_scaled(self, x, factor: float, y):
        """x + factor y."""
        return x + self.dtype(factor) * y

    def gate(self, x):
        """a sigmoid(b) of channels (a, b)."""
        a, b = np.split(x, 2, axis=-1)
        return a / (1 + np.exp(np.minimum(-b, 80)))

    def halve(self, x, times: int):
        """x / 2^times of an output."""
        return x * self.dtype(2.0**-times)

    def elu(self, x):
        """ELU: x above 0, exp(x) - 1 below."""
        return np.where(x < 0, np.expm1(np.minimum(x, 0)), x)

    def repeat(self, step: Callable, state, layers, reverse: bool = False):
        """step(state, layer) -> (state, record) over layers stacked on the first axis; the records as a list."""
        length = len(_first_leaf(layers))
        records: list[Any] = [None] * length
        for i in reversed(range(length)) if reverse else range(length):
            state, records[i] = step(state, layer_at(layers, i))
        return state, records


def _first_leaf(tree: Any) -> Any:
    while isinstance(tree, dict | tuple):
        tree = next(iter(tree.values())) if isinstance(tree, dict) else tree[0]
    return tree

"""The arithmetic of a network in float32 under jax: training, inference networks and everything an encoder searches.

A model is written once over a net's methods (models/base.py). This one applies parameters; the one that makes them is
in weight_norm.py.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.layers import layer_at
from rec_jax.models.at_least import at_least
from rec_jax.models.float_conv import convolve_plain
from rec_jax.models.real_net import RealNet


class FloatNet(RealNet):
    """Applies parameters.

    compute_dtype: of the convolutions.  unroll: trade compile time for the CPU speed of gradients.
    """

    xp = jnp

    def __init__(self, compute_dtype: Any = jnp.float32, unroll: bool = False):
        self.compute_dtype = compute_dtype
        self.unroll = unroll

    def conv(self, params: dict, x: jax.Array, features=0, init_scale=1.0, valid: bool = False, size: int = 3):
        """Convolution [B, H, W, C] -> [B, H, W, features]; params {"v", "g", "b"}, or plain {"w", "b"}."""
        del init_scale, size
        if "w" in params:
            return convolve_plain(x, params["w"], self.compute_dtype, valid) + params["b"]
        from rec_jax.models.weight_norm import WeightNormConv  # and with it flax, which an encoder does without

        module = WeightNormConv(
            features or params["b"].shape[-1], params["v"].shape[:2], dtype=self.compute_dtype, valid=valid
        )
        return module.apply({"params": params}, x)

    output_conv = conv

    def elu(self, x):
        """ELU: x above 0, exp(x) - 1 below."""
        return jax.nn.elu(x)

    def conv_relu(self, params: dict, x: jax.Array, valid: bool = False):
        """The positive part of `conv`."""
        return jax.nn.relu(self.conv(params, x, valid=valid))

    def add_relu(self, x, y):
        """The positive part of x + y."""
        return jax.nn.relu(x + y)

    def modulate_relu(self, x, gain_and_bias):
        """The positive part of gain x + bias, per channel."""
        return jax.nn.relu(self.modulate(x, gain_and_bias))

    def non_negative(self, weights):
        """Weights, what is below 0 as 0; training can raise it again."""
        return at_least(weights, 0.0)

    def add_scaled(self, x, factor: float, y):
        """x + factor y."""
        return x + factor * y

    def as_input(self, x):
        """An output, as what a convolution takes."""
        return x

    def multiply(self, x, y):
        """The product x y of two outputs."""
        return x * y

    def gate(self, x):
        """a sigmoid(b) of channels (a, b)."""
        a, b = jnp.split(x, 2, axis=-1)
        return a * jax.nn.sigmoid(b)

    def halve(self, x, times: int):
        """x / 2^times of an output."""
        return x * 2.0**-times

    def gated(self, x, gate):
        """An output times a vector of the model's."""
        return x * gate

    def to_grid(self, x, bits: int):
        """An output in units of 2^-bits, rounded, with the gradient of the identity."""
        units = x * 2.0**bits
        return units + jax.lax.stop_gradient(jnp.floor(units + 0.5) - units)

    def from_grid(self, values, bits: int):
        """Integers in units of 2^-bits, as what a convolution takes."""
        return values * 2.0**-bits

    def permute(self, x, order: tuple[int, ...]):
        """Channels in another order."""
        return _permute(x, order)

    def repeat(self, step: Callable, state, layers, reverse: bool = False):
        """step(state, layer) -> (state, record) over layers stacked on the first axis; the records stacked too."""
        if not self.unroll:
            return jax.lax.scan(step, state, layers, reverse=reverse)
        length = jax.tree.leaves(layers)[0].shape[0]
        records = [None] * length
        for i in reversed(range(length)) if reverse else range(length):
            state, records[i] = step(state, layer_at(layers, i))
        return state, jax.tree.map(lambda *leaves: jnp.stack(leaves), *records)


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def _permute(x, order):
    """A gather, whose gradient is one too and not a scatter, which is slow on a CPU."""
    return x[..., np.array(order)]


_permute.defvjp(lambda x, order: (_permute(x, order), None), lambda order, _, g: (g[..., np.argsort(order)],))

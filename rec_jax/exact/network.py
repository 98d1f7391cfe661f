"""The arithmetic of a network in integers: what models/float_net.py does in float32 for training, here exactly.

A model is written once over a net's methods. Activations are integers in units of 2^-12, clipped after every layer to
+-256, so that the proof of exactness (convolution.py) holds for any input. No division, no root, nothing but sums,
products, shifts that round halves up, and tables.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rec_jax.core.layers import layer_at
from rec_jax.exact.arithmetic import FRACTION_BITS, LIMIT, clip, shift, take
from rec_jax.exact.convolution import convolve
from rec_jax.exact.tables import LOGISTIC_BITS, LOGISTIC_CELL_BITS, tables

OUTPUT_BITS = 16  # after the point of what a network says of a pixel
OUTPUT_LIMIT = (1 << 24) - 1  # which is +-256, as everywhere
_FACTOR_BITS = 16  # of constant factors


@functools.cache
def sigmoids() -> np.ndarray:
    """The logistic CDF in units of 2^-24, int64, of -16 to 16 in units of 2^-12: lines between the table's entries."""
    cdf, per_cell = tables().logistic, FRACTION_BITS - LOGISTIC_CELL_BITS
    inside = np.arange(1 << per_cell)
    return np.append(cdf[:-1, None] + (np.diff(cdf)[:, None] * inside >> per_cell), cdf[-1])


class ExactNet:
    """Arithmetic on arrays of `dtype` under `xp`.

    xp: numpy or jax.numpy (then inside exact.scope.exact_jax, which admits 64 bits).  dtype: "float64", or "int64",
    the judge: slow, but beyond doubt.
    """

    def __init__(self, xp: Any = np, dtype: str = "float64"):
        self.xp = xp
        self.dtype = dtype
        self._elu = xp.asarray(tables().elu.astype(dtype))

    def conv(
        self, params: dict, x: Any, features: int = 0, init_scale: float = 1.0, valid: bool = False, size: int = 3
    ) -> Any:
        """Convolution, rounded to units of 2^-12 and clipped; params as quantise.py makes them.

        valid: see convolution.py.  features, init_scale, size: for the nets that make parameters.
        """
        del features, init_scale, size
        return self._convolution(params, x, FRACTION_BITS, valid)

    def conv_relu(self, params: dict, x: Any, valid: bool = False) -> Any:
        """The positive part of `conv`."""
        return self._convolution(params, x, FRACTION_BITS, valid, least=0)

    def output_conv(self, params: dict, x: Any, features: int = 0, init_scale: float = 1.0, valid: bool = False) -> Any:
        """A network's last convolution, in units of 2^-16."""
        del features, init_scale
        return self._convolution(params, x, OUTPUT_BITS, valid, OUTPUT_LIMIT, -OUTPUT_LIMIT)

    def _convolution(self, params: dict, x: Any, fraction_bits: int, valid: bool, limit: int = LIMIT, least=-LIMIT):
        """Sums divided by 2^bits, rounded, within least .. limit, in units of 2^-fraction_bits."""
        extra = fraction_bits - FRACTION_BITS
        if self.dtype == "float64":  # the weights take the step, a power of two, so that the sums need only a floor
            step = params["step"] * 2.0**extra
            return convolve(x, params["w"] * step, valid, self.xp, self._floor(params["b"] * step + 0.5, least, limit))
        left = params["bits"] - extra  # per channel: bits after the point that go
        sums = convolve(x, params["w"], valid, self.xp) + params["b"]
        return self.xp.clip((sums + (1 << (left - 1))) >> left, least, limit)

    def _floor(self, bias: Any, least: int, limit: int) -> Callable[[Any], Any]:
        """sums -> floor(sums + bias), clipped; under numpy in place."""
        if self.xp is not np:
            return lambda sums: self.xp.clip(self.xp.floor(sums + bias), least, limit)

        def finish(sums):
            sums += bias
            np.floor(sums, out=sums)
            np.clip(sums, least, limit, out=sums)

        return finish

    def elu(self, x: Any) -> Any:
        """ELU: x above 0, exp(x) - 1 below."""
        return self.xp.where(x < 0, -take(self._elu, self.xp.maximum(-x, 0), self.xp), x)

    def add_relu(self, x: Any, y: Any) -> Any:
        """The positive part of x + y, clipped."""
        total = x + y
        return np.clip(total, 0, LIMIT, out=total) if self.xp is np else self.xp.clip(total, 0, LIMIT)

    def add(self, x: Any, y: Any) -> Any:
        """x + y, clipped; y may be a vector."""
        return clip(x + y, self.xp)

    def modulate(self, x: Any, gain_and_bias: Any) -> Any:
        """Gain x + bias, per channel, rounded and clipped."""
        return clip(self._moved(x, gain_and_bias), self.xp)

    def modulate_relu(self, x: Any, gain_and_bias: Any) -> Any:
        """The positive part of gain x + bias, per channel, rounded and clipped."""
        return self.xp.clip(self._moved(x, gain_and_bias), 0, LIMIT)

    def _moved(self, x: Any, gain_and_bias: Any) -> Any:
        """Products of two numbers within +-2^20: below 2^40."""
        n = x.shape[-1]
        return shift(x * gain_and_bias[..., :n], FRACTION_BITS, self.xp) + gain_and_bias[..., n:]

    def non_negative(self, weights: Any) -> Any:
        """Weights, what is below 0 as 0."""
        return self.xp.maximum(weights, 0)

    def scale_by(self, x: Any, factors: Any) -> Any:
        """x times factors, as many features, rounded and clipped; products below 2^40."""
        return clip(shift(x * factors, FRACTION_BITS, self.xp), self.xp)

    def add_scaled(self, x: Any, factor: float, y: Any) -> Any:
        """x + factor y, factor rounded to 2^-16."""
        scaled = y if factor == 1 else shift(y * round(factor * 2**_FACTOR_BITS), _FACTOR_BITS, self.xp)
        return clip(x + scaled, self.xp)

    def gate(self, x: Any) -> Any:
        """a sigmoid(b) of channels (a, b), rounded; the sigmoid in units of 2^-24."""
        n, xp = x.shape[-1] // 2, self.xp
        table = sigmoids()
        index = xp.clip(x[..., n:] + len(table) // 2, 0, len(table) - 1)
        return shift(x[..., :n] * take(xp.asarray(table.astype(self.dtype)), index, xp), LOGISTIC_BITS, xp)

    def pixels(self, values: Any, depth: int) -> Any:
        """Pixel values of a depth, scaled to +-1/2; exact up to 11 bits."""
        doubled = 2 * values.astype(self.dtype) + (1 - (1 << depth))
        return shift(doubled, depth + 1 - FRACTION_BITS, self.xp)

    def as_input(self, x: Any) -> Any:
        """An output, within +-OUTPUT_LIMIT, in the units of what a convolution takes."""
        return shift(x, OUTPUT_BITS - FRACTION_BITS, self.xp)

    def from_reals(self, x: Any) -> Any:
        """Real numbers in the units of what a convolution takes, rounded and clipped."""
        return clip(self.xp.floor(x * 2.0**FRACTION_BITS + 0.5), self.xp).astype(self.dtype)

    def to_reals(self, x: Any) -> Any:
        """An output as real numbers."""
        return x * 2.0**-OUTPUT_BITS

    def constant(self, vector: Any) -> Any:
        """Parameters as real numbers."""
        return vector * 2.0**-FRACTION_BITS

    def multiply(self, x: Any, y: Any) -> Any:
        """The product of two outputs, in units of 2^-16, clipped."""
        return clip(shift(x * y, OUTPUT_BITS, self.xp), self.xp, OUTPUT_LIMIT)

    def halve(self, x: Any, times: int) -> Any:
        """An output, divided by 2^times and rounded."""
        return shift(x, times, self.xp)

    def gated(self, x: Any, gate: Any) -> Any:
        """An output times a vector in units of 2^-12, rounded and clipped."""
        return clip(shift(x * gate, FRACTION_BITS, self.xp), self.xp, OUTPUT_LIMIT)

    def to_grid(self, x: Any, bits: int) -> Any:
        """An output in units of 2^-bits, rounded."""
        return shift(x, OUTPUT_BITS - bits, self.xp)

    def from_grid(self, values: Any, bits: int) -> Any:
        """Integers in units of 2^-bits, as what a convolution takes: clipped."""
        return clip(shift(values, bits - FRACTION_BITS, self.xp), self.xp)

    def permute(self, x: Any, order: tuple[int, ...]) -> Any:
        """Channels in another order."""
        return x[..., np.array(order)]

    def concat(self, parts: Sequence[Any]) -> Any:
        """Channels one after the other."""
        return self.xp.concatenate(parts, axis=-1)

    def tile(self, vector: Any, shape: Sequence[int]) -> Any:
        """A vector at every position of shape."""
        return self.xp.broadcast_to(vector, (*shape, vector.shape[-1]))

    def repeat(self, step: Callable, state: Any, layers: Any) -> tuple[Any, list]:
        """step(state, layer) -> (state, record) over the layers of a models.base.Layer; the records as a list."""
        records = []
        for i in range(len(layers.number)):
            state, record = step(state, layer_at(layers, i))
            records.append(record)
        return state, records

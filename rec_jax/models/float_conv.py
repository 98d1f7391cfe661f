"""Convolutions in floats under jax."""

from typing import Any

import jax
import jax.numpy as jnp

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def convolve(x: jax.Array, kernel: jax.Array, dtype: Any, valid: bool) -> jax.Array:
    """[B, H, W, C] -> [B, H, W, O], float32; zeros surround x, or (valid) only where the kernel lies inside."""
    y = jax.lax.conv_general_dilated(
        x.astype(dtype), kernel.astype(dtype), (1, 1), "VALID" if valid else "SAME", dimension_numbers=_DIMENSIONS
    )
    return y.astype(jnp.float32)


def convolve_plain(x: jax.Array, kernel: jax.Array, dtype: Any, valid: bool) -> jax.Array:
    """The same, with a gradient that is twice as fast on a CPU."""
    x, kernel = x.astype(dtype), kernel.astype(dtype)
    if kernel.shape[:2] == (1, 1):  # one matrix product: einsum over 4 axes is half as fast
        y = (x.reshape(-1, x.shape[-1]) @ kernel[0, 0]).reshape(*x.shape[:-1], kernel.shape[-1])
    else:
        padding = [(0, 0), *((k // 2, k // 2) for k in kernel.shape[:2]), (0, 0)]
        y = _valid(x if valid else jnp.pad(x, padding), kernel)
    return y.astype(jnp.float32)


@jax.custom_vjp
def _valid(x, w):
    return jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=_DIMENSIONS)


def _valid_forward(x, w):
    return _valid(x, w), (x, w)


def _valid_backward(residuals, dy):
    """The gradient of the weights as one matrix product per tap: XLA's own is half as fast on a CPU."""
    x, w = residuals
    kh, kw, c_in, c_out = w.shape
    flipped = w[::-1, ::-1].swapaxes(2, 3)
    pads = [(kh - 1,) * 2, (kw - 1,) * 2]
    dx = jax.lax.conv_general_dilated(dy, flipped, (1, 1), pads, dimension_numbers=_DIMENSIONS)
    height, width = dy.shape[1:3]
    flat = dy.reshape(-1, c_out)
    windows = [x[:, i : i + height, j : j + width].reshape(-1, c_in) for i in range(kh) for j in range(kw)]
    if c_in < 16:  # few channels: all taps at once
        dw = jnp.concatenate(windows, axis=1).T @ flat
    else:
        dw = jnp.stack([window.T @ flat for window in windows])
    return dx, dw.reshape(w.shape)


_valid.defvjp(_valid_forward, _valid_backward)

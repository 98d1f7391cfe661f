"""Pixel (un)shuffles of numpy and jax arrays."""

from typing import Any


def space_to_depth(x: Any, factor: int) -> Any:
    """[B, H, W, C] -> [B, H/f, W/f, f*f*C]; a 3x3 convolution after it sees every pixel a 5x5 stride-2 one does."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height // factor, factor, width // factor, factor, channels)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height // factor, width // factor, factor**2 * channels)


def depth_to_space(x: Any, factor: int) -> Any:
    """Inverse of `space_to_depth`: [B, h, w, f*f*C] -> [B, h*f, w*f, C]."""
    batch, height, width, channels = x.shape
    x = x.reshape(batch, height, width, factor, factor, channels // factor**2)
    return x.transpose(0, 1, 3, 2, 4, 5).reshape(batch, height * factor, width * factor, channels // factor**2)

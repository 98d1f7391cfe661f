"""Pictures of a lossy codec: padded for its networks, read from their output, and as they are shown."""

import numpy as np

from rec_jax.exact.arithmetic import shift
from rec_jax.exact.network import OUTPUT_BITS


def padded_size(height: int, width: int, stride: int) -> tuple[int, int]:
    """The sides, rounded up to the stride."""
    return -(-height // stride) * stride, -(-width // stride) * stride


def padded(image: np.ndarray, stride: int) -> np.ndarray:
    """[H, W, 3], padded by repeating the last row and column."""
    height, width = padded_size(*image.shape[:2], stride)
    return np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), mode="edge")


def as_colour(image: np.ndarray) -> np.ndarray:
    """Grey [H, W] as [H, W, 3]; colour as it is."""
    return np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image


def as_grey(pixels: np.ndarray) -> np.ndarray:
    """The mean of three colours, halves up."""
    return ((2 * pixels.sum(axis=2, dtype=np.int64) + 3) // 6).astype(np.uint8)


def to_pixels(outputs: np.ndarray) -> np.ndarray:
    """A network's picture, integers in units of 2^-16 on +-1/2, as 8 bits: the value whose bin holds it."""
    return np.clip(shift(outputs - (1 << 7), OUTPUT_BITS - 8, np) + 128, 0, 255).astype(np.uint8)


def shown(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The part of padded pixels [H, W, 3] that is a picture of a shape, grey if it has two sides."""
    cut = pixels[: shape[0], : shape[1]]
    return as_grey(cut) if len(shape) == 2 else np.ascontiguousarray(cut)

"""Pieces of the parameters that lossy models start from; float64 until `as_float32`."""

import math
from typing import Any

import numpy as np

SMALL = 0.01  # of what is added to features


def block(rng, width: int, n: int, gain: float = SMALL) -> dict[str, Any]:
    """A residual block, of which little is added, or with gain 0 nothing yet; n knots."""
    return {
        "first": conv(rng, 3, width, width),
        "at": affine(n, width),
        "second": conv(rng, 3, width, width, gain),
    }


def affine(n: int, width: int) -> dict[str, Any]:
    """Gains of 1 and biases of 0, at n knots."""
    return {"knots": np.concatenate([np.ones((n, width)), np.zeros((n, width))], axis=1)}


def conv(rng, size: int, n_in: int, n_out: int, gain: float = 1.0) -> dict[str, Any]:
    """A convolution of noise; gain 1: what follows a ReLU keeps its size."""
    spread = gain * math.sqrt(2.0 / (size * size * n_in))
    return {"w": spread * rng.normal(size=(size, size, n_in, n_out)), "b": np.zeros(n_out)}


def as_float32(node: Any) -> Any:
    """A tree of arrays as float32."""
    if isinstance(node, dict):
        return {name: as_float32(child) for name, child in node.items()}
    return [as_float32(child) for child in node] if isinstance(node, list) else np.asarray(node, np.float32)

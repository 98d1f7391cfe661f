"""Vectors that depend on the quality: what conditions one set of weights on the whole rate-distortion curve.

Qualities 0 .. 100 stand for a Lagrange multiplier, lambda = least (most / least)^(quality / 100). A vector is learned
at evenly spaced qualities, its knots, and linear between them: {"knots": [..., K, C]} in a parameter tree. A network
runs with a tree in which `at_qualities` (in training, one quality per image) or `at_quality` (in integers) has put
vectors in their places. (Gains at a few rates, interpolated: Cui et al. 2021, arXiv:2003.02012.)
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rec_jax.core.errors import ConfigError

MAX_QUALITY = 100


def lambda_of(lambdas: tuple[float, float], quality: Any, xp: Any) -> Any:
    """The multiplier of qualities 0 .. 100, of any shape; lambdas: of 0 and of 100."""
    return lambdas[0] * xp.exp(quality * (math.log(lambdas[1] / lambdas[0]) / MAX_QUALITY))


def quality_of(lambdas: tuple[float, float], multiplier: float) -> int:
    """The quality whose multiplier is nearest; ConfigError for what is no multiplier."""
    if not 0 < multiplier < math.inf:
        have = f"qualities 0 to {MAX_QUALITY} are {lambdas[0]} to {lambdas[1]}"
        raise ConfigError(f"lambda={multiplier!r}: must be a number above 0; {have}")
    place = math.log(multiplier / lambdas[0]) / math.log(lambdas[1] / lambdas[0])
    return min(max(round(MAX_QUALITY * place), 0), MAX_QUALITY)


def at_qualities(params: Any, qualities: Any, xp: Any) -> Any:
    """params with vectors [..., B, 1, 1, C] for knots; qualities: floats [B], 0 .. 100."""

    def vectors(knots):
        n_knots = knots.shape[-2]
        place = qualities[:, None] * ((n_knots - 1) / MAX_QUALITY)
        weights = xp.maximum(0.0, 1.0 - xp.abs(place - xp.arange(n_knots)))  # [B, K]
        return (weights @ knots)[..., :, None, None, :]

    return _map(vectors, params)


def at_quality(params: Any, quality: int) -> Any:
    """params with vectors [..., 1, 1, 1, C] for knots of stored integers, rounded halves up; int32."""

    def vectors(knots):
        spacing = MAX_QUALITY // (knots.shape[-2] - 1)
        first, after = divmod(quality, spacing)
        below = knots[..., first, :].astype(np.int64)
        above = knots[..., min(first + 1, knots.shape[-2] - 1), :].astype(np.int64)
        total = below * (spacing - after) + above * after
        vector = (2 * total + spacing) // (2 * spacing)
        return vector.astype(np.int32)[..., None, None, None, :]

    return _map(vectors, params)


def _map(vectors: Callable[[Any], Any], node: Any) -> Any:
    if isinstance(node, dict):
        if "knots" in node:
            return vectors(node["knots"])
        return {name: _map(vectors, child) for name, child in node.items()}
    return [_map(vectors, child) for child in node] if isinstance(node, list) else node

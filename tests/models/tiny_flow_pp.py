"""A flow of a few thousand weights, with something learned by chance, and pictures with something to learn."""

from typing import Any

import numpy as np

from rec_jax.models import make_model
from rec_jax.models.flow_maps import MixtureCoupling
from rec_jax.models.likelihoods.base import scale_pixels

SECTION = dict(kind="flow_pp", couplings=(1, 1, 1), dequantiser=1, width=8, blocks=1, n_components=2)


def smooth_pictures(n: int = 4, side: int = 8) -> np.ndarray:
    """Random waves with noise, uint8 [n, side, side, 3]."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / 4.0
    a, b, c = rng.normal(size=(3, n, 1, 1, 3))
    waves = np.sin(rows[..., None] * a + columns[..., None] * b + 2 * c)
    return np.clip(128 + 50 * waves + rng.normal(0, 3, waves.shape), 0, 255).astype(np.uint8)


def tiny_flow(spread: float = 0.3) -> tuple[Any, dict[str, Any]]:
    """(model, float parameters): as it starts, and what the networks say moved by noise, so that the maps differ."""
    model = make_model(SECTION)
    params = model.start(scale_pixels(smooth_pictures().astype(np.float32)))
    rng = np.random.default_rng(1)
    for coupling in [*params["main"], *params["dequantiser"]["couplings"]]:
        coupling["out"]["b"] += rng.normal(0, spread, coupling["out"]["b"].shape).astype(np.float32)
        coupling["out"]["w"] *= 3
    return model, params


def coupling(shape: tuple[int, ...], k: int = 4) -> MixtureCoupling:
    """A map with k logistics for every element of an array [..., 3]."""
    rng = np.random.default_rng(2)
    arrays = (rng.normal(size=(k, *shape)), rng.normal(size=(k, *shape)), rng.normal(-0.5, 0.7, (k, *shape)))
    return MixtureCoupling(rng.normal(0, 0.3, 3), rng.normal(size=3), *arrays, *rng.uniform(-1, 1, (2, *shape)))

"""A quantised model of a few thousand weights, and pictures with something to learn."""

import numpy as np

SECTION = dict(
    kind="hyperprior",
    hyperprior="mean_scale",
    levels=((8, 16, 0, 1), (16, 16, 1, 0)),
    channels=12,
    hyper_levels=((16, 8, 1, 1), (32, 8, 0, 0)),
    hyper_channels=4,
    knots=3,
    lambdas=(0.001, 0.1),
    distortion="mse",
)


def smooth_pictures(n: int = 12, side: int = 64) -> np.ndarray:
    """Random waves with noise, uint8 [n, side, side, 3]."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side] / 24.0
    a, b, c = rng.normal(size=(3, n, 1, 1, 3))
    waves = np.sin(rows[..., None] * a + columns[..., None] * b + 2 * c)
    return np.clip(128 + 70 * waves + rng.normal(0, 2, waves.shape), 0, 255).astype(np.uint8)

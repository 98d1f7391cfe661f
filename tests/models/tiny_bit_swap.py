"""A Bit-Swap model of a few thousand weights, with laws that differ from place to place."""

import functools

import numpy as np

from rec_jax.models import make_model
from rec_jax.models.shapes import param_shapes
from tests.models.tiny_model import fill

SECTION = dict(kind="bit_swap", side=8, layers=3, width=6, channels=2, wide_units=1, units=2)
BARE = SECTION | dict(layers=2, wide_units=0, units=0)  # without units, which cost jax its time to compile


@functools.cache
def tiny_bit_swap(bare: bool = False):
    """(model, float parameters with weight norms)."""
    model = make_model(BARE if bare else SECTION)
    params = fill(param_shapes(model), np.random.default_rng(0))
    params["generate"][0]["out"]["g"] *= 0.2  # what the network says of pixels moves them a little
    for net in params["infer"]:
        net["out"]["b"][2:] -= 4.0  # posteriors sharper than priors, so that there is a KL
    return model, params


def smooth_tiles(n: int, side: int = 8, seed: int = 0) -> np.ndarray:
    """Ramps with noise around mid-grey, uint8 [n, side, side, 3]."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] / side - 0.5
    slopes = rng.normal(0, 30, (2, n, 1, 1, 3))
    values = 128 + slopes[0] * y[..., None] + slopes[1] * x[..., None] + rng.normal(0, 6, (n, side, side, 3))
    return np.clip(values, 0, 255).astype(np.uint8)

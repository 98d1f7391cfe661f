"""A model of a few hundred weights, filled by numpy: no initialisation to compile, the same on every jax."""

import numpy as np

from rec_jax.models import make_model
from rec_jax.models.shapes import param_shapes

LEVELS = ((2, 1, 4, 1), (4, 2, 4, 3))
_SPREAD = {"v": (0.0, 1.0), "g": (0.5, 0.1), "b": (0.0, 0.1), "log_scale": (-2.5, 0.1), "loc": (0.0, 0.1)}


def tiny_model(likelihood="colour_mixture", levels=LEVELS):
    """(model, params)."""
    model = make_model(dict(kind="resnet_vae", levels=levels, likelihood=likelihood, n_components=2))
    return model, fill(param_shapes(model), np.random.default_rng(0))


def fill(node, rng, name=""):
    """Deterministic parameters of those shapes: directions, gains of about 1, small offsets."""
    if isinstance(node, dict):
        return {name: fill(child, rng, name) for name, child in node.items()}
    if isinstance(node, list):
        return [fill(child, rng) for child in node]
    if node and node[0] == "conv":
        *layers, _, _, _, n_out = node[1]
        return fill({"v": node[1], "g": (*layers, n_out), "b": (*layers, n_out)}, rng)
    return rng.normal(*_SPREAD.get(name, (0.0, 1.0)), node).astype(np.float32)

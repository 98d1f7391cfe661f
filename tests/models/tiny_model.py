"""A model of a few hundred weights, filled by numpy: no initialisation to compile, the same on every jax."""

import jax
import numpy as np

from rec_jax.models import make_model

LEVELS = ((2, 1, 4, 1), (4, 2, 4, 3))


def tiny_model(likelihood="colour_mixture", levels=LEVELS, **options):
    """(model, params)."""
    model = make_model(dict(kind="resnet_vae", levels=levels, likelihood=likelihood, n_components=2), **options)
    return model, fill(jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.uint8)))


def fill(shapes, seed=0):
    """Deterministic parameters of those shapes: directions, gains of about 1, small offsets."""
    rng = np.random.default_rng(seed)

    def array(path, leaf):
        name = path[-1].key
        values = {"v": (0.0, 1.0), "g": (0.5, 0.1), "b": (0.0, 0.1), "log_scale": (-2.5, 0.1), "loc": (0.0, 0.1)}
        return rng.normal(*values.get(name, (0.0, 1.0)), leaf.shape).astype(np.float32)

    return jax.tree_util.tree_map_with_path(array, shapes)

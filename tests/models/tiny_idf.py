"""A flow of a few thousand weights whose couplings already move integers, and its section of a config."""

import numpy as np

from rec_jax.models import make_model
from rec_jax.models.likelihoods.base import scale_pixels
from tests.models.tiny_hyperprior import smooth_pictures

SECTION = dict(kind="idf", levels=2, steps=1, growth=6, depth=2, n_components=2)


def tiny_idf(gate: float = 0.5, steps: int = 1, images: np.ndarray | None = None):
    """(model, parameters): those that training on images starts from, with gates of +-gate."""
    model = make_model(SECTION | dict(steps=steps))
    images = smooth_pictures(side=32) if images is None else images
    params = model.start(scale_pixels(images.astype(np.float32)))
    for i, step in enumerate(step for level in params["levels"] for step in level["steps"]):
        step["gate"][:] = gate * (-1) ** i
    return model, params

"""Which shipped model writes a picture where none is named."""

import numpy as np

from rec_jax.codec.tiles import SMALL

SMALL_MODEL, LARGE_MODEL = "cifar10", "photos"  # for pictures up to SMALL x SMALL, and for others
LOSSY_MODEL = "photos-lossy"


def default_model(image: np.ndarray) -> str:
    """The model's name, for a picture [H, W, ...]."""
    return SMALL_MODEL if max(image.shape[:2]) <= SMALL else LARGE_MODEL

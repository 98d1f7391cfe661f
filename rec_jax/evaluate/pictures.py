"""What a model has learned, as a picture: samples of it, and test images beside what their latents carry."""

import functools
from typing import Any

import jax
import numpy as np

from rec_jax.core.prng import evaluate_key
from rec_jax.models.base import BoundedModel, ContinuousFlow, IntegerFlow, PixelModel
from rec_jax.models.flow_sampling import flow_pictures
from rec_jax.models.sampling import posterior_pictures, prior_pictures

_BORDER = 2  # pixels between the pictures of a grid
_GREY = 128


@functools.partial(jax.jit, static_argnums=(0, 3, 4))
def _samples(model: PixelModel | IntegerFlow, params: Any, key: jax.Array, n: int, size: tuple[int, int]) -> jax.Array:
    return prior_pictures(model, params, key, n, size)


@functools.partial(jax.jit, static_argnums=0)
def _carried(model: PixelModel, params: Any, key: jax.Array, images: jax.Array) -> jax.Array:
    return posterior_pictures(model, params, key, images)


def picture_evaluator(model: BoundedModel, images: np.ndarray, seed: int):
    """For the training loop: (step, params) -> named pictures, uint8 [H, W, 3], over fixed images [N, H, W, 3].

    "samples": of p(x), as many as there are images.  "reconstructions", of a model with latents: every image over a
    sample of p(x' | z), z ~ q(z | x). The same randomness at every step.
    """

    def evaluate(step: int, params: Any):
        del step
        height, width = images.shape[1:3]
        if isinstance(model, ContinuousFlow):
            yield "samples", grid(flow_pictures(model, jax.device_get(params), seed, len(images), (height, width)))
            return
        key = evaluate_key(seed, 0)
        yield "samples", grid(np.asarray(_samples(model, params, key, len(images), (height, width))))
        if not isinstance(model, IntegerFlow) and model.groups:
            carried = np.asarray(_carried(model, params, key, images))
            yield "reconstructions", grid(np.concatenate([images, carried], axis=1))

    return evaluate


def grid(images: np.ndarray) -> np.ndarray:
    """Pictures uint8 [N, H, W, 3] in rows of about as many as there are rows, with grey between them; [h, w, 3]."""
    n, height, width, _ = images.shape
    n_columns = max(1, round(np.sqrt(n * height / width)))
    n_rows = -(-n // n_columns)
    sheet = np.full((n_rows * (height + _BORDER), n_columns * (width + _BORDER), 3), _GREY, np.uint8)
    for i, image in enumerate(images):
        top, left = (i // n_columns) * (height + _BORDER), (i % n_columns) * (width + _BORDER)
        sheet[top : top + height, left : left + width] = image
    return sheet

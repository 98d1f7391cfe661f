"""A lossy codec of a few thousand weights, which are those that training starts from."""

import dataclasses

import numpy as np

from rec_jax.codec.calibrate_lossy import calibrate_by_scale
from rec_jax.codec.learned import Learned
from rec_jax.codec.lossy import LossyCodec
from rec_jax.codec.package import package_of_params
from rec_jax.coders import make_layer_coder
from rec_jax.models import make_model
from rec_jax.models.likelihoods.base import scale_pixels

SECTION = dict(
    kind="rd_vae",
    levels=((8, 32, 2, 8, 1), (16, 16, 1, 4, 0)),
    knots=3,
    lambdas=(0.001, 0.1),
    distortion="mse",
)
CODER = dict(kind="tree", n_beams=16, sequence_length=256, max_nats=2000.0)
MODEL_ID = 0x10557


def photograph(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Something smooth with edges and noise, uint8 [H, W, 3]."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:height, :width] / 16.0
    waves = np.stack([np.sin(rows * a + columns * b + c) for a, b, c in rng.normal(size=(3, 3))], axis=-1)
    edges = 40.0 * (rows + columns > (height + width) / 32.0)[..., None]
    return np.clip(110 + 50 * waves + edges + rng.normal(0, 3, waves.shape), 0, 255).astype(np.uint8)


def tiny_lossy(taught: bool = True, section: dict = SECTION, **options) -> LossyCodec:
    """section: the model's.  options: of the coder."""
    model = make_model(section)
    images = np.stack([photograph(32, 32, seed) for seed in range(24)])
    params = model.start(scale_pixels(images.astype(np.float32)))
    package = package_of_params(model, params, make_layer_coder(CODER | options))
    if taught:
        learned = Learned(by_scale=calibrate_by_scale(model, package.stored, images, 3))
        package = dataclasses.replace(package, learned=learned)
    return LossyCodec(dataclasses.replace(package, model_id=MODEL_ID & 0xFFFF), package.coder)

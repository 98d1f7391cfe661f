"""What training evaluates as it goes, besides its loss: test images, and pictures of them."""

from collections.abc import Callable

import numpy as np
from ml_collections import ConfigDict

from rec_jax.core.errors import ConfigError
from rec_jax.data import CenterCrops, make_source
from rec_jax.evaluate.curve import curve_evaluator
from rec_jax.evaluate.elbo import elbo_evaluator
from rec_jax.evaluate.pictures import picture_evaluator
from rec_jax.models import make_model
from rec_jax.models.base import LossyModel, QuantisedModel


def make_evaluators(config: ConfigDict) -> list[Callable]:
    """ELBO and pictures of the first config.train.evaluate_images test images, cut to the training images' size."""
    if not (config.train.evaluate_images and config.train.evaluate_every):
        return []
    source = make_source(config.data, "test")
    source = CenterCrops(source, config.data.patch) if config.data.patch else source
    model = make_model(config.model)
    images = [source[i] for i in range(min(config.train.evaluate_images, len(source)))]
    for i, image in enumerate(images):
        height, width, _ = image.shape
        if image.shape != images[0].shape or height % model.stride or width % model.stride:
            raise ConfigError(
                f"{source.label(i)}, a test image, is {width}x{height}: all must have one size, of multiples of the "
                f"model's stride {model.stride}; set data.patch, or train.evaluate_images=0"
            )
    if isinstance(model, LossyModel | QuantisedModel):
        return [curve_evaluator(model, np.stack(images), config.seed)]
    evaluators = [elbo_evaluator(model, np.stack(images), config.seed, config.evaluate.batch_size)]
    if config.train.n_pictures:
        evaluators.append(picture_evaluator(model, np.stack(images[: config.train.n_pictures]), config.seed))
    return evaluators

"""A codec of a quantised model of a few thousand weights, which are those that training starts from."""

import dataclasses
import functools

import numpy as np

from rec_jax.codec.package import package_of_params
from rec_jax.codec.presets import preset_coder
from rec_jax.codec.quantised import QuantisedCodec
from rec_jax.models import make_model
from rec_jax.models.likelihoods.base import scale_pixels
from tests.models.tiny_hyperprior import SECTION, smooth_pictures

MODEL_ID = 0x0A17


@functools.cache
def tiny_quantised(hyperprior: str = "mean_scale") -> QuantisedCodec:
    model = make_model(SECTION | dict(hyperprior=hyperprior))
    params = model.start(scale_pixels(smooth_pictures().astype(np.float32)))
    package = package_of_params(model, params, preset_coder("default"))
    codec = dataclasses.replace(package, model_id=MODEL_ID).codec()
    assert isinstance(codec, QuantisedCodec)
    return codec.without_fallback()

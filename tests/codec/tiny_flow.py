"""A codec of an integer flow of a few thousand weights."""

import dataclasses
import functools

from rec_jax.codec.idf import IDFCodec
from rec_jax.codec.package import package_of_params
from rec_jax.codec.presets import preset_coder
from tests.models.tiny_idf import tiny_idf

MODEL_ID = 0x1DF0


@functools.cache
def tiny_flow(gate: float = 0.05) -> IDFCodec:
    model, params = tiny_idf(gate)
    package = package_of_params(model, params, preset_coder("default"))
    codec = dataclasses.replace(package, model_id=MODEL_ID).codec()
    assert isinstance(codec, IDFCodec)
    return codec.without_fallback()

"""A codec of a flow of a few thousand weights."""

import dataclasses
import functools

from rec_jax.codec.local_bits_back import LocalBitsBackCodec
from rec_jax.codec.package import package_of_params
from rec_jax.codec.presets import preset_coder
from tests.models.tiny_flow_pp import tiny_flow

MODEL_ID = 0xF10A


@functools.cache
def tiny_local() -> LocalBitsBackCodec:
    return LocalBitsBackCodec(with_id(*tiny_flow()))


def with_id(model, params):
    """The package of a flow's float parameters."""
    return dataclasses.replace(package_of_params(model, params, preset_coder("default")), model_id=MODEL_ID)

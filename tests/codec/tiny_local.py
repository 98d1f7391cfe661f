"""A codec of a flow of a few thousand weights; `python -m tests.codec.tiny_local FILE` decodes a message."""

import dataclasses
import functools
import sys
from pathlib import Path

import numpy as np

from rec_jax.codec.local_bits_back import LocalBitsBackCodec
from rec_jax.codec.package import package_of_params
from rec_jax.codec.presets import preset_coder
from rec_jax.core.errors import RecError
from tests.models.tiny_flow_pp import tiny_flow

MODEL_ID = 0xF10A


@functools.cache
def tiny_local() -> LocalBitsBackCodec:
    return LocalBitsBackCodec(with_id(*tiny_flow()))


def with_id(model, params):
    """The package of a flow's float parameters."""
    return dataclasses.replace(package_of_params(model, params, preset_coder("default")), model_id=MODEL_ID)


def main(path: str) -> None:
    """Prints the digest of what a message holds, or the error's name."""
    try:
        images, start = tiny_local().decode_chain(Path(path).read_bytes())
    except RecError as error:
        print(type(error).__name__)
    else:
        print(digest(images, start), "jax" in sys.modules)


def digest(images: np.ndarray, start: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(images.tobytes() + start.tobytes()).hexdigest()


if __name__ == "__main__":
    main(sys.argv[1])

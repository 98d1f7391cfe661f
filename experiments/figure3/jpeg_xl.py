"""JPEG XL by libjxl, through imagecodecs."""

import numpy as np

from experiments.figure3.file_codec import FileCodec
from experiments.optional import optional_module
from rec_jax.core.errors import RecError

_EFFORT = 7  # libjxl's default, 1 to 10


def _imagecodecs():
    return optional_module("imagecodecs", "JPEG XL", "figure3")


def made_by() -> str:
    """MissingFile if imagecodecs is not there."""
    imagecodecs = _imagecodecs()
    return f"imagecodecs {imagecodecs.__version__} ({imagecodecs.jpegxl_version()}), effort {_EFFORT}, one thread"


def encode(image: np.ndarray, distance: float) -> bytes:
    """A bare codestream; distance: Butteraugli's, 0.1 to 25."""
    try:
        return _imagecodecs().jpegxl_encode(image, distance=distance, effort=_EFFORT, usecontainer=False, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise RecError(f"JPEG XL: {error}") from error


def decode(data: bytes) -> np.ndarray:
    """uint8 [H, W, 3]."""
    try:
        return _imagecodecs().jpegxl_decode(data, numthreads=1)
    except (RuntimeError, ValueError) as error:
        raise RecError(f"JPEG XL: {error}") from error


JPEG_XL = FileCodec(
    id="jpegxl",
    title="JPEG XL",
    suffix=".jxl",
    setting_name="distance",
    settings=(25.0, 20.0, 15.0, 11.0, 8.0, 6.0, 4.6, 3.5, 2.6, 1.9, 1.4, 1.0),
    made_by=made_by,
    encode=encode,
    decode=decode,
    source=__file__,
)

"""Pictures in and out of the codec: any exact picture file to pixels, pixels to PNG."""

import os
import warnings

import numpy as np

from rec_jax.codec.png import png_bytes
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.standard_streams import STANDARD, read_standard_input
from rec_jax.data import image_files


def read_image(path: str | os.PathLike, drop_icc: bool = False) -> np.ndarray:
    """The pixels of a picture file: [H, W, 3], or [H, W] if it is grey, uint8, or uint16 if it has 16 bits per colour.

    path: "-" reads standard input.
    drop_icc: take the pixels of a picture with an ICC profile or other colour tags without them. Pillow's warnings
    (sizes, odd metadata) are not shown: what is not exact is an error. Errors of image_files.read_image.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path == STANDARD:
            data = read_standard_input(image_files.MAX_BYTES)
            return image_files.decode_image(data, "standard input", ignore_icc=drop_icc, deep=True)
        return image_files.read_image(path, ignore_icc=drop_icc, deep=True)


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write png_bytes(image), whole or not at all (see write_bytes_atomic)."""
    write_bytes_atomic(path, png_bytes(image))

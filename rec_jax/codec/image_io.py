"""Pictures in and out of the codec: any exact picture file to pixels, pixels to PNG."""

import io
import os
import warnings

import numpy as np
from PIL import Image

from rec_jax.core.files import write_bytes_atomic
from rec_jax.data import image_files


def read_image(path: str | os.PathLike, drop_icc: bool = False) -> np.ndarray:
    """The pixels of a picture file, uint8 [H, W, 3], or [H, W] if it is grey; errors of image_files.read_image.

    drop_icc: take the pixels of a picture with an ICC profile without it. Pillow's warnings (sizes, odd metadata) are
    not shown: what is not exact is an error.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return image_files.read_image(path, ignore_icc=drop_icc)


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write uint8 [H, W] or [H, W, 3] as PNG, whole or not at all (see write_bytes_atomic)."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    write_bytes_atomic(path, buffer.getbuffer())

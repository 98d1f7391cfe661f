"""The real photographs of the demonstration, and what classical codecs make of them."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from rec_jax.core.errors import RecError
from rec_jax.data.embedded import embedded_patches, read_photograph

N_PATCHES = 16  # with the 16 tiles of the two crops: one batch of the codec's encoder each
_CROPS = {"chelsea": (80, 110), "coffee": (100, 230)}  # photograph -> top, left; of the test split, never trained on
CROP_HEIGHT, CROP_WIDTH = 128, 256


class Picture(NamedTuple):
    """A named picture; `name` is also its files' name."""

    name: str
    pixels: np.ndarray  # uint8 [H, W, 3]


def demo_patches(n_patches: int = N_PATCHES) -> list[Picture]:
    """32x32 patches of the embedded test photographs."""
    patches = embedded_patches("test", 32)
    return [Picture(f"patch{i:02d}", patches[i]) for i in range(n_patches)]


def demo_photographs() -> list[Picture]:
    """256x128 crops of the embedded test photographs."""
    return [
        Picture(name, read_photograph(name)[top : top + CROP_HEIGHT, left : left + CROP_WIDTH])
        for name, (top, left) in _CROPS.items()
    ]


def png_bytes(pixels: np.ndarray) -> int:
    """Size of the picture as a PNG, at Pillow's best setting."""
    return _saved_bytes(pixels, "PNG", optimize=True, compress_level=9)


def webp_bytes(pixels: np.ndarray) -> int:
    """Size of the picture as a lossless WebP: the smallest of all methods, since the slowest is often not the best.

    Quality 75: with 100 a method takes up to a hundred times as long, for 0.2% at the most on these pictures.
    """
    return min(_saved_bytes(pixels, "WEBP", lossless=True, quality=75, method=method) for method in range(7))


def _saved_bytes(pixels: np.ndarray, kind: str, **settings) -> int:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **settings)
    with Image.open(io.BytesIO(buffer.getvalue())) as picture:
        if not np.array_equal(np.asarray(picture.convert("RGB")), pixels):
            raise RecError(f"Pillow's {kind} is not lossless here; its size does not count")
    return buffer.tell()

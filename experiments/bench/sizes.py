"""Encoding pictures of growing size: seconds per pixel, which should not grow, and the memory of the process."""

import dataclasses

import numpy as np

from experiments.bench.case import ModelCase
from experiments.cases import Row
from experiments.table1.learned import opened
from experiments.timing import timed
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.core.rows import peak_memory_bytes
from rec_jax.core.units import bits_to_nats
from rec_jax.data.embedded import read_photograph

SIZES = ((32, 32), (64, 64), (128, 256), (256, 384), (512, 768))  # height, width; the last is Kodak's
_QUICK_SIZES = SIZES[:2]
_PHOTOGRAPH = "coffee"  # of the test split


def size_cases(model: str, quick: bool) -> list[ModelCase]:
    """One case per size, smallest first, because peak memory is of the whole process so far."""
    sizes = _QUICK_SIZES if quick else SIZES
    return [ModelCase(f"size {w}x{h}", bench_size, model, {"height": h, "width": w}) for h, w in sizes]


def bench_size(model: str, height: int, width: int) -> Row:
    """Of the second of two encodings, so that nothing is compiled; and of one decoding.

    No classical format is tried. peak_memory_gb is of the whole process so far, jax and compiled programs included.
    Raises BitstreamMismatch if the file does not decode to its picture.
    """
    codec, image = dataclasses.replace(opened(model).codec(), fallback="none"), photograph_of_size(height, width)
    codec.encode([image])
    (encode_s, _), (encoded,) = timed(codec.encode, [image])
    (decode_s, _), pixels = timed(codec.decompress, encoded.blob)
    if not np.array_equal(pixels, image):
        raise BitstreamMismatch(f"the file of {width}x{height} did not decode to its pixels; its times do not count")
    kl_nats = float(bits_to_nats(encoded.kl_bits))
    return {
        "kl_nats": kl_nats,
        "encode_s": encode_s,
        "decode_s": decode_s,
        "encode_us_per_pixel": 1e6 * encode_s / (height * width),
        "encode_ms_per_nat": 1e3 * encode_s / kl_nats,
        "peak_memory_gb": peak_memory_bytes() / 1e9,
    }


def photograph_of_size(height: int, width: int) -> np.ndarray:
    """The top left corner of an embedded photograph, mirrored at its edges where it is too small."""
    image = read_photograph(_PHOTOGRAPH)[:height, :width]
    return np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), mode="symmetric")

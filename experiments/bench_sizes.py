"""Encoding pictures of growing size: seconds per pixel, which should not grow, and the memory of the process."""

from collections.abc import Callable
from typing import Any

import numpy as np

import rec_jax
from experiments.progress import table
from experiments.timing import peak_memory_bytes, timed
from rec_jax.core.units import bits_to_nats
from rec_jax.data.embedded import read_photograph

SIZES = ((32, 32), (64, 64), (128, 256), (256, 384), (512, 768))  # height, width; the last is Kodak's
_QUICK_SIZES = SIZES[:2]
_PHOTOGRAPH = "coffee"  # of the test split


def bench_sizes(model: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """One row per size, of the second of two encodings, so that nothing is compiled; and one decoding.

    peak_memory_gb is of the whole process so far, jax and compiled programs included.
    Raises RuntimeError if a file does not decode to its picture.
    """
    codec, rows = rec_jax.load(model), []
    for height, width in _QUICK_SIZES if quick else SIZES:
        image = photograph_of_size(height, width)
        codec.encode([image])
        encode_s, (encoded,) = timed(codec.encode, [image])
        decode_s, pixels = timed(codec.decompress, encoded.blob)
        if not np.array_equal(pixels, image):
            raise RuntimeError(f"the file of {width}x{height} did not decode to its pixels; its times do not count")
        kl_nats = float(bits_to_nats(encoded.kl_bits))
        rows.append(
            {
                "size": f"{width}x{height}",
                "kl_nats": kl_nats,
                "encode_s": encode_s,
                "decode_s": decode_s,
                "encode_us_per_pixel": 1e6 * encode_s / (height * width),
                "encode_ms_per_nat": 1e3 * encode_s / kl_nats,
                "peak_memory_gb": peak_memory_bytes() / 1e9,
            }
        )
        say(f"{width}x{height}: done")
    for line in table(
        [{k: v if isinstance(v, str) else f"{v:.3g}" for k, v in row.items()} for row in rows]
    ).splitlines():
        say(line)
    return {"model": model, "rows": rows}


def photograph_of_size(height: int, width: int) -> np.ndarray:
    """The top left corner of an embedded photograph, mirrored at its edges where it is too small."""
    image = read_photograph(_PHOTOGRAPH)[:height, :width]
    return np.pad(image, ((0, height - image.shape[0]), (0, width - image.shape[1]), (0, 0)), mode="symmetric")

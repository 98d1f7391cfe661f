"""Lossy coding over a split: each image, at each quality, becomes a file that is read back, decoded and compared.

A point of the curve counts only if the file decoded to the very picture that its encoder saw: a file has that picture's
checksum, and anything else stops the evaluation. The decoder is told nothing but the file.
"""

import math
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
from absl import logging

from rec_jax.codec.curve import CurveCodec
from rec_jax.codec.lossy import LossyCodec
from rec_jax.codec.lossy_ideal import ideal
from rec_jax.core.errors import BitstreamMismatch, CorruptFile, RecError
from rec_jax.core.ms_ssim import smallest_side
from rec_jax.core.psnr import psnr_db
from rec_jax.data import ImageSource
from rec_jax.evaluate.batches import Row, measure_in_batches
from rec_jax.evaluate.picture_quality import picture_quality
from rec_jax.evaluate.shares import WHOLE, Share


def code_pictures(
    codec: CurveCodec,
    qualities: Sequence[int],
    images: ImageSource | Sequence[np.ndarray],
    path: Path,
    *,
    seed: int = 0,
    stamp: Callable[[], Row] = dict,
    numbers: Sequence[int] | None = None,
    share: Share = WHOLE,
) -> list[Row] | None:
    """One row per image uint8 [H, W, 3] of any size: `picture_row`. The other arguments: `measure_in_batches`.

    An image is a batch, as it is coded alone.  seed: of the ideal points' samples.
    Raises BitstreamMismatch if a file does not decode to what its encoder saw, CoderOverflow if the coder cannot hold
    a picture; RecError if another process has `path` open.
    """

    def measure(batch: list[np.ndarray], batch_numbers: list[int], missing: Collection[int]) -> Iterator[Row]:
        for image, number in zip(batch, batch_numbers, strict=True):
            if number in missing:
                yield picture_row(codec, qualities, image, number, seed)

    return measure_in_batches(measure, images, path, batch_size=1, stamp=stamp, numbers=numbers, share=share)


def picture_row(codec: CurveCodec, qualities: Sequence[int], image: np.ndarray, number: int, seed: int) -> Row:
    """Image `number`, n_pixels, and lists over the qualities.

    file_bytes, and header_bits, index_bits, side_bits of them; kl_bits: of a model that quantises, -log2 p of its
    integers.  psnr_db: over RGB, None where the picture came back exactly.  ms_ssim: not in decibels, None where a side
    is too short.  encode_s, decode_s: by the wall's clock; the first file of a process also compiles.
    ideal_bits, ideal_psnr_db: of an exact posterior sample, where the model has a posterior.
    """
    points: list[dict[str, float | None]] = []
    for quality in qualities:
        try:
            points.append(_point(codec, quality, image, (seed << 32) + number))
        except RecError as error:
            raise type(error)(f"image {number} at quality {quality}: {error}") from error
        logging.info("image %d at quality %d: %d bytes", number, quality, points[-1]["file_bytes"])
    lists = {name: [point[name] for point in points] for name in points[0]}
    return {"image": number, "n_pixels": image.shape[0] * image.shape[1], "qualities": list(qualities), **lists}


def _point(codec: CurveCodec, quality: int, image: np.ndarray, ideal_seed: int) -> dict[str, float | None]:
    at_quality = codec.at(quality)
    start_s = time.perf_counter()
    encoded = at_quality.encode([image])[0]
    encode_s = time.perf_counter() - start_s
    decoded, decode_s = _read_back(codec, encoded.blob)
    psnr, similarity = _compare(image, decoded)
    point = {
        "file_bytes": len(encoded.blob), "header_bits": encoded.header_bits, "index_bits": encoded.index_bits,
        "side_bits": encoded.side_bits, "kl_bits": encoded.kl_bits, "psnr_db": psnr, "ms_ssim": similarity,
        "encode_s": encode_s, "decode_s": decode_s,
    }  # fmt: skip
    if isinstance(at_quality, LossyCodec):
        exact = ideal(at_quality, image, ideal_seed)
        point |= {"ideal_bits": exact.kl_bits, "ideal_psnr_db": _finite(psnr_db(image, exact.image))}
    return point


def _read_back(codec: CurveCodec, blob: bytes) -> tuple[np.ndarray, float]:
    """(the picture of a file on disk, the seconds that reading and decoding it took)."""
    with tempfile.TemporaryDirectory(prefix="rec_jax-") as folder:
        path = Path(folder) / "picture.rec"
        path.write_bytes(blob)
        start_s = time.perf_counter()
        try:
            decoded = codec.decompress(path.read_bytes())
        except CorruptFile as error:
            raise BitstreamMismatch(f"the file did not decode to what its encoder saw: {error}") from error
        return decoded, time.perf_counter() - start_s


def _compare(image: np.ndarray, decoded: np.ndarray) -> tuple[float | None, float | None]:
    """(PSNR, MS-SSIM), each None where there is none."""
    if min(image.shape[:2]) < smallest_side():
        return _finite(psnr_db(image, decoded)), None
    found = picture_quality(image, decoded)
    return _finite(found.psnr_db), found.ms_ssim


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""Coding over a split: every image is written, read back and decoded, and gets one row of numbers.

Rows go to a JSONL file batch by batch; a killed evaluation resumes after the last whole one. A rate counts only if the
file decoded to the exact pixels: anything else stops the evaluation.
"""

import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.core.errors import BitstreamMismatch, ConfigError
from rec_jax.core.units import bits_to_bpd
from rec_jax.data import ImageSource
from rec_jax.evaluate.devices import map_on_devices
from rec_jax.evaluate.elbo import keyed_elbo, tile_keys
from rec_jax.evaluate.shares import WHOLE, Share, open_shared_rows, rows_of
from rec_jax.evaluate.summary import RATES


def compress_images(
    codec: FileCodec,
    images: ImageSource | Sequence[np.ndarray],
    path: Path,
    *,
    batch_size: int = 16,
    seed: int = 0,
    stamp: Callable[[], dict[str, Any]] = dict,
    progress: Callable[[int], None] = lambda n_images: None,
    numbers: Sequence[int] | None = None,
    share: Share = WHOLE,
) -> list[dict[str, Any]] | None:
    """One row per image; rows already in `path` are not measured again, so it must name all that they depend on.

    Returns the rows in the order of the images; None as long as other shares have not folded in theirs.

    images: read when their batch comes.
    stamp: gives what is written into a row beside the numbers (core.rows.make_stamp); called when it is measured.
    progress: takes the number of images done since its last call.
    numbers: the images' numbers in their split (default 0, 1, ...).
    share: which batches this process takes; see shares.py.

    Batches are the same whoever takes them, and each is coded on one local device, so that neither devices, processes
    nor a resumed evaluation change a number (a search depends a little on what it is batched with).

    Raises BitstreamMismatch if a file does not decode to its image, ConfigError for grey images and for sides that are
    no multiples of the tile's: their bound would count what is not in the picture; RecError if another process has
    `path` open.
    """
    named = list(range(len(images)) if numbers is None else numbers)
    reading = threading.Lock()  # not every source may be read by several threads

    with open_shared_rows(path, share) as (done, log):
        batches = list(range(0, len(named), batch_size))[share.index :: share.count]

        def measure(first: int) -> tuple[int, list[dict[str, Any]]]:
            places = range(first, min(first + batch_size, len(named)))
            with reading:
                batch = [images[i] for i in places]
            missing = {named[i] for i in places} - done
            rows = _measure(codec, batch, [named[i] for i in places], seed, missing)
            return len(missing), [{**row, **stamp()} for row in rows]

        left = [first for first in batches if not done.issuperset(named[first : first + batch_size])]
        for n_done, (n_images, rows) in enumerate(map_on_devices(measure, left, jax.local_devices()), 1):
            log.append(*rows)
            progress(n_images)
            logging.info("%d of %d batches", n_done, len(left))
    return rows_of(path, named)


def _check_whole_pieces(codec: FileCodec, number: int, image: np.ndarray) -> None:
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    pieces = codec.pieces(colour)
    if image.ndim != 3 or pieces.size != image.size:
        raise ConfigError(
            f"image {number} has shape {list(image.shape)}: the ELBO is of colour images whose sides are multiples of "
            f"{pieces.shape[1]}; set data.patch_test={pieces.shape[1]}"
        )


def _measure(codec: FileCodec, images, numbers, seed: int, missing: Collection[int]) -> Iterator[dict[str, Any]]:
    """The rows of the missing ones of a batch, all of which is encoded."""
    for number, image in zip(numbers, images, strict=True):
        _check_whole_pieces(codec, number, image)
    start_s = time.perf_counter()
    encoded = codec.encode(images)
    encode_s = (time.perf_counter() - start_s) / len(images)
    for number, image, e in zip(numbers, images, encoded, strict=True):
        if number not in missing:
            continue
        start_s = time.perf_counter()
        decoded = codec.decompress(e.blob)
        decode_s = time.perf_counter() - start_s
        if not np.array_equal(decoded, image):
            raise BitstreamMismatch(f"image {number} did not decode to its pixels; its rate does not count")
        elbo_bits, kl_bits = _elbo_bits(codec, image, number, seed)
        bits = dict(zip(RATES, (elbo_bits, kl_bits, *_bits(e)), strict=True))
        rates = {f"{name}_bpd": bits_to_bpd(value, image.size) for name, value in bits.items()}
        yield {
            "image": number, "n_dims": image.size, "file_bytes": len(e.blob), "kind": e.kind, **rates,
            "encode_s": encode_s, "decode_s": decode_s,
        }  # fmt: skip


def _bits(e: Encoded) -> tuple[float, ...]:
    return e.ideal_pixel_bits, e.index_bits, e.side_bits, e.pixel_bits, e.header_bits, 8 * len(e.blob)


def _elbo_bits(codec: FileCodec, image: np.ndarray, number: int, seed: int) -> tuple[float, float]:
    """-ELBO and KL of an image in bits; a picture larger than a tile is judged tile by tile, as it is coded."""
    cuts = codec.pieces(image)
    keys = tile_keys(seed, number, len(cuts))
    elbo = keyed_elbo(
        codec.package.bounded_model, codec.package.float_params, cuts, keys, batch_size=min(len(cuts), 16)
    )
    return float(elbo.elbo_bits.sum()), float(elbo.kl_bits.sum())

"""Coding over a split: every image is written, read back and decoded, and gets one row of numbers.

A rate counts only if the file decoded to the exact pixels: anything else stops the evaluation.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import numpy as np

from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.core.errors import BitstreamMismatch, ConfigError
from rec_jax.core.units import bits_to_bpd
from rec_jax.data import ImageSource
from rec_jax.evaluate.batches import Row, measure_in_batches
from rec_jax.evaluate.elbo import keyed_elbo, tile_keys
from rec_jax.evaluate.shares import WHOLE, Share
from rec_jax.evaluate.summary import RATES


def compress_images(
    codec: FileCodec,
    images: ImageSource | Sequence[np.ndarray],
    path: Path,
    *,
    batch_size: int = 16,
    seed: int = 0,
    stamp: Callable[[], Row] = dict,
    progress: Callable[[int], None] = lambda n_images: None,
    numbers: Sequence[int] | None = None,
    share: Share = WHOLE,
) -> list[Row] | None:
    """One row per image, of files whose pixels came back; the arguments and rows are those of `measure_in_batches`.

    Each batch is coded at once, on one device, so that neither devices, processes nor a resumed evaluation change a
    number (a search depends a little on what it is batched with).

    Raises BitstreamMismatch if a file does not decode to its image, ConfigError for grey images and for sides that are
    no multiples of the tile's: their bound would count what is not in the picture; RecError if another process has
    `path` open.
    """

    def measure(batch: list[np.ndarray], batch_numbers: list[int], missing: Collection[int]) -> Iterator[Row]:
        return _measure(codec, batch, batch_numbers, seed, missing)

    return measure_in_batches(
        measure,
        images,
        path,
        batch_size=batch_size,
        stamp=stamp,
        progress=progress,
        numbers=numbers,
        share=share,
    )


def _check_whole_pieces(codec: FileCodec, number: int, image: np.ndarray) -> None:
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    pieces = codec.pieces(colour)
    if image.ndim != 3 or pieces.size != image.size:
        raise ConfigError(
            f"image {number} has shape {list(image.shape)}: the ELBO is of colour images whose sides are multiples of "
            f"{pieces.shape[1]}; set data.patch_test={pieces.shape[1]}"
        )


def _measure(codec: FileCodec, images, numbers, seed: int, missing: Collection[int]) -> Iterator[Row]:
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

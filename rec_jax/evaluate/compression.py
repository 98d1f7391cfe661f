"""Coding over a split: every image is written, read back and decoded, and gets one row of numbers.

Rows go to a JSONL file as they come; a killed evaluation resumes after the last whole row. A rate counts only if the
file decoded to the exact pixels: anything else stops the evaluation.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.codec.container import LOSSLESS
from rec_jax.core.errors import BitstreamMismatch, ConfigError
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.rows import open_rows
from rec_jax.core.units import bits_to_bpd
from rec_jax.evaluate.elbo import keyed_elbo, tile_keys

RATES = ("elbo", "kl", "ideal_residual", "index", "side", "pixel", "header", "file")


class Summary(NamedTuple):
    """Means over the images, in bits per dimension, and what judges the coder."""

    n_images: int
    rates_bpd: dict[str, float]  # RATES
    coder_loss: float | None  # (file - header - ELBO) / KL of the images that were not stored (docs/NOTATION.md)
    over_elbo: float  # file / ELBO - 1
    encode_s: float  # per image
    decode_s: float
    n_stored: int  # images that took stored mode


def compress_images(
    codec: FileCodec,
    images: Sequence[np.ndarray],
    path: Path,
    *,
    batch_size: int = 16,
    seed: int = 0,
    stamp: Callable[[], dict[str, Any]] = dict,
    progress: Callable[[int], None] = lambda n_images: None,
    numbers: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """One row per image; rows already in `path` are not measured again, so it must name all that they depend on.

    images: read when their batch comes.
    stamp: gives what is written into a row beside the numbers (core.rows.make_stamp); called when it is measured.
    progress: takes the number of images done since its last call.
    numbers: the images' numbers in their split (default 0, 1, ...).

    Raises BitstreamMismatch if a file does not decode to its image, ConfigError for grey images and for sides that are
    no multiples of the tile's: their bound would count what is not in the picture; RecError if another process has
    `path` open.
    """
    numbers = list(range(len(images))) if numbers is None else list(numbers)
    with open_rows(path) as log:
        done = {row["image"]: row for row in log.rows}
        left = [i for i, number in enumerate(numbers) if number not in done]
        for first in range(0, len(left), batch_size):
            batch = left[first : first + batch_size]
            for row in _measure(codec, [images[i] for i in batch], [numbers[i] for i in batch], seed):
                done[row["image"]] = row
                log.append({**row, **stamp()})
            progress(len(batch))
            logging.info("%d of %d images", len(images) - len(left) + first + len(batch), len(images))
    return [done[number] for number in numbers]


def _check_whole_pieces(codec: FileCodec, number: int, image: np.ndarray) -> None:
    colour = image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    pieces = codec.pieces(colour)
    if image.ndim != 3 or pieces.size != image.size:
        raise ConfigError(
            f"image {number} has shape {list(image.shape)}: the ELBO is of colour images whose sides are multiples of "
            f"{pieces.shape[1]}; set data.patch_test={pieces.shape[1]}"
        )


def _measure(codec: FileCodec, images, numbers, seed: int) -> Iterator[dict[str, Any]]:
    for number, image in zip(numbers, images, strict=True):
        _check_whole_pieces(codec, number, image)
    start_s = time.perf_counter()
    encoded = codec.encode(images)
    encode_s = (time.perf_counter() - start_s) / len(images)
    for number, image, e in zip(numbers, images, encoded, strict=True):
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
    elbo = keyed_elbo(codec.package.model, codec.package.float_params, cuts, keys, batch_size=min(len(cuts), 16))
    return float(elbo.elbo_bits.sum()), float(elbo.kl_bits.sum())


def summarise(rows: Sequence[dict[str, Any]]) -> Summary:
    """Means over rows, weighted by their dimensions; the coder loss is of the images that were coded, not stored."""
    coded = [row for row in rows if row["kind"] == LOSSLESS]
    rates = _mean_rates(rows)
    return Summary(
        n_images=len(rows),
        rates_bpd=rates,
        coder_loss=_coder_loss(_mean_rates(coded)) if coded else None,
        over_elbo=rates["file"] / rates["elbo"] - 1.0,
        encode_s=float(np.mean([row["encode_s"] for row in rows])),
        decode_s=float(np.mean([row["decode_s"] for row in rows])),
        n_stored=len(rows) - len(coded),
    )


def _mean_rates(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    dims = np.array([row["n_dims"] for row in rows], np.float64)
    return {name: float(np.average([row[f"{name}_bpd"] for row in rows], weights=dims)) for name in RATES}


def _coder_loss(rates: dict[str, float]) -> float | None:
    """None of a model without latents."""
    return (rates["file"] - rates["header"] - rates["elbo"]) / rates["kl"] if rates["kl"] else None


def format_summary(summary: Summary) -> str:
    """The lines that `launch.py --mode=evaluate` prints."""
    rates = summary.rates_bpd
    loss = "not run" if summary.coder_loss is None else f"{100 * summary.coder_loss:.1f}% of KL"
    lines = [
        f"{summary.n_images} images, every file written, read back and decoded to the exact pixels",
        "bits per dimension: " + ", ".join(f"{name.replace('_', ' ')} {rates[name]:.4f}" for name in RATES),
        f"coder loss {loss}, file {100 * summary.over_elbo:+.1f}% over the ELBO",
        f"{summary.encode_s:.3f} s to encode, {summary.decode_s:.3f} s to decode an image",
    ]
    if summary.n_stored:
        lines.append(f"{summary.n_stored} images took stored mode; the coder loss is of the others")
    return "\n".join(lines)


def write_summary(path: Path, summary: Summary) -> None:
    """The summary as JSON beside its rows."""
    write_bytes_atomic(path, (json.dumps(summary._asdict(), indent=1) + "\n").encode())

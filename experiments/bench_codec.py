"""Encoding and decoding one 32x32 picture with a model, and where the time goes."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import rec_jax
from experiments.timing import timed
from rec_jax.codec.latents import LatentCoder
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.codec.pixels import PixelCoder
from rec_jax.data.embedded import embedded_patches


class _NoStream:
    """A writer that writes nothing, to time the tables alone."""

    def write_rows(self, symbols, frequencies):
        pass


def bench_codec(model: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of a picture alone, after compilation, and of a batch of 16; medians over pictures."""
    start_s = time.perf_counter()
    codec = rec_jax.load(model)
    row: dict[str, Any] = {"model": model, "load_s": time.perf_counter() - start_s}
    images = embedded_patches("test", 32).array()[: 3 if quick else 16]
    row["first_encode_s"], blob = timed(codec.compress, images[0])
    row["first_decode_s"], _ = timed(codec.decompress, blob)
    say(f"load {row['load_s']:.1f} s, first encode {row['first_encode_s']:.1f} s, decode {row['first_decode_s']:.1f} s")
    measured = [measure(codec, image) for image in images]
    row |= {name: float(np.median([m[name] for m in measured])) for name in measured[0]}
    _say_parts(row, "encode", ("search", "replay", "pixel_tables"), say)
    _say_parts(row, "decode", ("replay", "pixel_tables"), say)
    if not quick:
        timed(codec.encode, list(images))  # compiles
        row["batch_encode_s_per_image"] = timed(codec.encode, list(images))[0] / len(images)
        say(f"in a batch of {len(images)}: encode {row['batch_encode_s_per_image']:.3f} s per image")
    return row


def measure(codec: LosslessCodec, image: np.ndarray) -> dict[str, float]:
    """Seconds of one tile's encode and decode, and of their heavy parts, each called as the codec calls it.

    Raises RuntimeError if the file does not decode to the image.
    """
    encode_s, blob = timed(codec.compress, image)
    decode_s, pixels = timed(codec.decompress, blob)
    if not np.array_equal(image, pixels):
        raise RuntimeError("a file did not decode to its pixels; its times do not count")
    latents, number = LatentCoder(codec.model, codec.coder, codec.weights), np.int32(0)
    sizes = np.array([image.shape[:2]], np.int32)
    search_s, (codes, _) = timed(latents.encode, codec.params, number[None], image[None], sizes)
    codes = jax.tree.map(lambda x: x[:, 0], jax.device_get(codes))
    replay_s, (shared, outputs) = timed(latents.replay, codec.params, number, codes, codec.tile_side(image))
    shared, outputs = jax.device_get((shared, outputs[: image.shape[0], : image.shape[1]]))
    tables_s, _ = timed(lambda: PixelCoder(codec.model.likelihood, shared, outputs).write(_NoStream(), image, 3))
    return {
        "encode_s": encode_s,
        "decode_s": decode_s,
        "search_s": search_s,
        "replay_s": replay_s,
        "pixel_tables_s": tables_s,
        "encode_rest_s": encode_s - search_s - replay_s - tables_s,
        "decode_rest_s": decode_s - replay_s - tables_s,
    }


def _say_parts(row: dict[str, Any], verb: str, parts: tuple[str, ...], say: Callable[[str], None]) -> None:
    names = {"search": "network and search", "pixel_tables": "pixel tables"}
    terms = " + ".join(f"{names.get(part, part)} {row[f'{part}_s']:.3f}" for part in parts)
    say(f"{verb} {row[f'{verb}_s']:.3f} s = {terms} + symbols, stream and the rest {row[f'{verb}_rest_s']:.3f}")

"""Encoding and decoding one 32x32 picture with a model, and where the time goes."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

import rec_jax
from experiments.timing import median_s, timed
from rec_jax.codec.latents import LatentCoder
from rec_jax.codec.lossless import SEED, LosslessCodec
from rec_jax.codec.pixels import PixelCoder
from rec_jax.core.prng import child_key, coder_key
from rec_jax.data.embedded import embedded_patches


class _NoStream:
    """A writer that writes nothing, to time the tables alone."""

    def write_rows(self, symbols, frequencies):
        pass


def bench_codec(model: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of a picture alone, after compilation, and of a batch of 16; medians over pictures."""
    start_s = time.perf_counter()
    codec = rec_jax.load(model)
    load_s = time.perf_counter() - start_s
    images = embedded_patches("test", 32).array()[: 2 if quick else 16]
    first_encode_s, blob = timed(codec.compress, images[0])
    first_decode_s, _ = timed(codec.decompress, blob)
    encoded = [timed(codec.compress, image) for image in images]
    decoded = [timed(codec.decompress, blob) for _, blob in encoded]
    for image, (_, pixels) in zip(images, decoded, strict=True):
        if not np.array_equal(image, pixels):
            raise RuntimeError("a file did not decode to its pixels")
    row = {
        "model": model,
        "load_s": load_s,
        "first_encode_s": first_encode_s,
        "first_decode_s": first_decode_s,
        "encode_s": float(np.median([s for s, _ in encoded])),
        "decode_s": float(np.median([s for s, _ in decoded])),
        **_parts(codec, images[0]),
    }
    row["encode_rest_s"] = row["encode_s"] - row["search_s"] - row["replay_s"] - row["pixel_tables_s"]
    row["decode_rest_s"] = row["decode_s"] - row["replay_s"] - row["pixel_tables_s"]
    if not quick:
        timed(codec.encode, list(images))
        row["batch_of_16_encode_s_per_image"] = timed(codec.encode, list(images))[0] / len(images)
    say(f"load {load_s:.1f} s; with compiling: encode {first_encode_s:.1f} s, decode {first_decode_s:.1f} s")
    say(
        f"encode {row['encode_s']:.3f} s = infer and search {row['search_s']:.3f} + replay {row['replay_s']:.3f} + pixel "
        f"tables {row['pixel_tables_s']:.3f} + symbols, stream and the rest {row['encode_rest_s']:.3f}"
    )
    say(
        f"decode {row['decode_s']:.3f} s = replay {row['replay_s']:.3f} + pixel tables {row['pixel_tables_s']:.3f} + "
        f"symbols, stream and the rest {row['decode_rest_s']:.3f}"
    )
    if not quick:
        say(f"in a batch of 16: encode {row['batch_of_16_encode_s_per_image']:.3f} s per image")
    return row


def _parts(codec: LosslessCodec, image: np.ndarray, n_calls: int = 7) -> dict[str, float]:
    """Median seconds of the three heavy parts of one 32x32 tile, each called as the codec calls it."""
    latents, side = LatentCoder(codec.model, codec.coder), codec.tile_side(image)
    tile_key = child_key(coder_key(SEED), 0)
    found = jax.device_get(latents.encode(codec.params, tile_key[None], image[None]))
    codes = jax.tree.map(lambda x: x[:, 0], found[0])
    shared, outputs = jax.device_get(latents.replay(codec.params, tile_key, codes, side))

    def tables():
        PixelCoder(codec.model.likelihood, shared, outputs).write(_NoStream(), image, 3)

    tables()
    return {
        "search_s": median_s(latents.encode, codec.params, tile_key[None], image[None], n_calls=n_calls),
        "replay_s": median_s(latents.replay, codec.params, tile_key, codes, side, n_calls=n_calls),
        "pixel_tables_s": median_s(tables, n_calls=n_calls),
    }

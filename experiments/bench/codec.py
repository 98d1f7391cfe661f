"""Encoding and decoding one 32x32 picture with a model, and where the time goes."""

import dataclasses
import time

import numpy as np

from experiments.bench.case import ModelCase
from experiments.bench.stages import decode_in_stages, encode_in_stages
from experiments.cases import Row
from experiments.timing import timed
from rec_jax.codec import open_package
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.data.embedded import embedded_patches


def codec_case(model: str, quick: bool) -> ModelCase:
    """Seconds of a picture alone, after compilation, and of a batch of 16; medians over pictures."""
    return ModelCase("codec", bench_codec, model, {"n_images": 3 if quick else 16, "batch": not quick})


def bench_codec(model: str, n_images: int, batch: bool) -> Row:
    """The row of codec_case; batch: also all images in one. No classical format is tried."""
    start_s = time.perf_counter()
    codec = dataclasses.replace(open_package(model).codec(), fallback="none")
    row: Row = {"load_s": time.perf_counter() - start_s}
    images = embedded_patches("test", 32).array()[:n_images]
    (row["first_encode_s"], _), blob = timed(codec.compress, images[0])
    (row["first_decode_s"], _), _ = timed(codec.decompress, blob)
    measured = [measure(codec, image) for image in images]
    row |= {name: float(np.median([m[name] for m in measured])) for name in measured[0]}
    if batch:
        codec.encode(list(images))  # compiles
        row["batch_encode_s_per_image"] = timed(codec.encode, list(images))[0].wall_s / len(images)
    return row


def measure(codec: LosslessCodec, image: np.ndarray) -> dict[str, float]:
    """Seconds of one tile's encode and decode, and of the stages of both, in second calls beside the whole ones.

    rest: of the whole what is none of its stages; a little noise may make it negative.
    Raises BitstreamMismatch if the file, or one written or read stage by stage, is not the image's.
    """
    (encode_s, _), blob = timed(codec.compress, image)
    (decode_s, _), pixels = timed(codec.decompress, blob)
    encode_stages, payload = encode_in_stages(codec, image)
    decode_stages, again = decode_in_stages(codec, blob)
    if not (np.array_equal(image, pixels) and np.array_equal(image, again) and blob.endswith(payload)):
        raise BitstreamMismatch("a file did not decode to its pixels, or is another stage by stage; no times count")
    return {
        "encode_s": encode_s,
        **{f"encode_{name}_s": value for name, value in encode_stages.items()},
        "encode_rest_s": encode_s - sum(encode_stages.values()),
        "decode_s": decode_s,
        **{f"decode_{name}_s": value for name, value in decode_stages.items()},
        "decode_rest_s": decode_s - sum(decode_stages.values()),
    }

"""One of several processes of an evaluation: `python -m tests.evaluate.tiny_share ROWS SHARE` measures its images.

A small network stands in for the codec, which every device would have to compile.
"""

import sys
from pathlib import Path
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.evaluate import compression
from rec_jax.evaluate.shares import Share

N_IMAGES, BATCH_SIZE = 26, 2


@jax.jit
def _numbers(images):
    for _ in range(3):
        images = jnp.tanh(images @ jnp.cos(jnp.arange(64.0 * 64).reshape(64, 64)) / 8)
    return images.std((1, 2))


def _measure(codec, images, numbers, seed, missing):
    values = np.asarray(_numbers(np.float32(images)))
    (device,) = _numbers(np.float32(images)).devices()
    for number, value in zip(numbers, values, strict=True):
        yield {"image": number, "value": float(value), "device": device.id}


def rows_of_images(path, share="1/1"):
    """compress_images of noise."""
    images = np.random.default_rng(0).normal(size=(N_IMAGES, 64, 64))
    with mock.patch.object(compression, "_measure", _measure):
        return compression.compress_images(None, images, path, batch_size=BATCH_SIZE, share=Share.parse(share))


if __name__ == "__main__":
    rows_of_images(Path(sys.argv[1]), sys.argv[2])

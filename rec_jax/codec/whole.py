"""Pictures under a model without latents: the stream holds the pixels alone, phase by phase; no tiles, no search.

Both directions run on numpy, without jax.
"""

import math

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded
from rec_jax.codec.package import Package
from rec_jax.codec.pixels import read_pixels, write_pixels
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.progress import Progress
from rec_jax.entropy.base import CountedSink
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.exact.network import ExactNet

METHOD = 0x10  # in a header; presets say nothing here


def encode_whole(package: Package, image: np.ndarray, progress: Progress | None, measure: bool) -> Encoded:
    """The file of a picture [H, W, 3] or grey [H, W], uint8 or uint16.  measure: its bits too."""
    writer, depth, n_channels = SymbolWriter(), 8 * image.dtype.itemsize, 1 if image.ndim == 2 else 3
    counted = CountedSink(writer)
    sink = counted if measure else writer
    colour = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image.copy()
    with one_blas_thread():
        ideal_bits = write_pixels(
            sink, package.model.likelihood, ExactNet(), package.exact_params["likelihood"], None,
            colour[None], _everywhere(*image.shape[:2]), n_channels, depth, progress, measure,
        )  # fmt: skip
    pixel_bits = counted.counter.bits if measure else math.nan
    header = container.image_header(image, container.LOSSLESS, METHOD, package.model_id)
    stream = writer.getvalue()
    blob = container.pack(header, stream)
    return Encoded(blob, container.LOSSLESS, 8 * (len(blob) - len(stream)), 0.0, 0.0, pixel_bits, ideal_bits, 0.0)


def decode_whole(package: Package, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
    """The picture of such a file, not checked yet."""
    with one_blas_thread():
        pixels = read_pixels(
            SymbolReader(payload), package.model.likelihood, ExactNet(), package.exact_params["likelihood"], None,
            _everywhere(header.height, header.width), 1 if header.grey else 3, header.depth, progress,
        )[0]  # fmt: skip
    return np.ascontiguousarray(pixels[..., 0] if header.grey else pixels, header.dtype)


def _everywhere(height: int, width: int) -> np.ndarray:
    """A mask [1, H, W] that needs no memory, whatever size a header claims."""
    return np.broadcast_to(np.True_, (1, height, width))

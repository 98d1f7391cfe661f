"""Pictures under a model without latents: the stream holds the pixels alone, phase by phase; no tiles, no search.

Both directions run on numpy, without jax.
"""

import dataclasses
import math
from typing import Any, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.codec.embedded import quick_embedded
from rec_jax.codec.pixels import read_pixels, write_pixels
from rec_jax.codec.presets import NO_PRESET
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.progress import Progress
from rec_jax.entropy.base import BitCounter, CountedSink
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.exact.network import ExactNet

METHOD = NO_PRESET << 4  # in a header
_SURELY_TRIED = 1 << 16  # pixels, up to which a picture is coded without a look
_CROP, _N_CROPS = 48, 8  # looked at: their side and number, which 3 does not divide
_HOPEFUL = 1.06  # of the bits of a classical format; the ratio in crops is that in the whole picture within 0.02


@dataclasses.dataclass(frozen=True, eq=False)
class WholeCodec(FileCodec):
    """The codec of a package without latents."""

    searches = False
    progress_of = "pixels"

    def on_device(self, platform: str | None) -> Self:
        if platform is not None:
            raise ConfigError(f"{self.package.name} has no latents and decodes on the processor; take no device")
        return self

    def pieces(self, image: np.ndarray) -> np.ndarray:
        return image[None]

    def may_win(self, image: np.ndarray) -> bool:
        """Whether a few crops, coded as pictures, are about as small as in a quick WebP of the same; a small picture is
        not asked.
        """
        if image.shape[0] * image.shape[1] <= _SURELY_TRIED:
            return True
        crops, counter = _crops(image), BitCounter()
        depth, n_channels = 8 * image.dtype.itemsize, 1 if image.ndim == 2 else 3
        colour = np.repeat(crops[..., None], 3, axis=3) if image.ndim == 2 else crops
        real = np.broadcast_to(np.True_, crops.shape[:3])
        with one_blas_thread():
            write_pixels(counter, *self._law(), colour, real, n_channels, depth, measure=False)
        _, classical = quick_embedded(crops.reshape(-1, *crops.shape[2:]))
        return counter.bits <= _HOPEFUL * 8 * len(classical)

    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        return [self._encode_one(image, progress, measure) for image in images]

    def _encode_one(self, image: np.ndarray, progress: Progress | None, measure: bool) -> Encoded:
        writer, depth, n_channels = SymbolWriter(), 8 * image.dtype.itemsize, 1 if image.ndim == 2 else 3
        counted = CountedSink(writer)
        sink = counted if measure else writer
        colour = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image.copy()
        with one_blas_thread():
            ideal_bits = write_pixels(
                sink, *self._law(), colour[None], _everywhere(*image.shape[:2]), n_channels, depth, progress, measure
            )
        pixel_bits = counted.counter.bits if measure else math.nan
        header = container.image_header(image, container.LOSSLESS, METHOD, self.package.model_id)
        stream = writer.getvalue()
        blob = container.pack(header, stream)
        return Encoded(blob, container.LOSSLESS, 8 * (len(blob) - len(stream)), 0.0, 0.0, pixel_bits, ideal_bits, 0.0)

    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        if header.method != METHOD:
            raise CorruptFile(f"the file is damaged: its method is {header.method:02x}; this model's is {METHOD:02x}")
        real, n_channels = _everywhere(header.height, header.width), 1 if header.grey else 3
        with one_blas_thread():
            pixels = read_pixels(SymbolReader(payload), *self._law(), real, n_channels, header.depth, progress)[0]
        return np.ascontiguousarray(pixels[..., 0] if header.grey else pixels, header.dtype)

    def _law(self) -> tuple[Any, ExactNet, Any, None]:
        """Likelihood, net, parameters, and what a network with latents would say of the pixels."""
        return self.package.model.likelihood, ExactNet(), self.package.exact_params["likelihood"], None


def _crops(image: np.ndarray) -> np.ndarray:
    """[n, h, w, ...] all over a picture, no two in one row or column of the grid that they stand on."""
    height, width = (min(_CROP, size) for size in image.shape[:2])
    tops = np.linspace(0, image.shape[0] - height, _N_CROPS).astype(int)
    lefts = np.linspace(0, image.shape[1] - width, _N_CROPS).astype(int)[np.arange(_N_CROPS) * 3 % _N_CROPS]
    return np.stack([image[y : y + height, x : x + width] for y, x in zip(tops, lefts, strict=True)])


def _everywhere(height: int, width: int) -> np.ndarray:
    """A mask [1, H, W] that needs no memory, whatever size a header claims."""
    return np.broadcast_to(np.True_, (1, height, width))

"""Pictures under a model without latents: the stream holds the pixels alone, phase by phase; no tiles, no search.

Both directions run on numpy, without jax. Small pictures of one kind are computed together; each file is what it would
be alone, for all numbers are integers.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.codec.embedded import quick_embedded, unpack_embedded
from rec_jax.codec.latents import groups_of
from rec_jax.codec.pixels import read_pixels, write_pixels
from rec_jax.codec.presets import NO_PRESET
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.progress import Progress
from rec_jax.entropy.base import BitCounter, CountedSink
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.entropy.side_by_side import SideBySideReader, SideBySideWriter
from rec_jax.exact.network import ExactNet

METHOD = NO_PRESET << 4  # in a header
_PIXELS_AT_ONCE = 1 << 14  # of several pictures: 16 of 32x32
_SURELY_TRIED = 1 << 16  # pixels, up to which a picture is coded without a look
_CROP, _N_CROPS = 48, 8  # looked at: their side and number, which 3 does not divide
_HOPEFUL = 1.06  # of the bits of a classical format; the ratio in crops is that in the whole picture within 0.03


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
        self._write(counter, crops, None, measure=False)
        _, classical = quick_embedded(crops.reshape(-1, *crops.shape[2:]))
        return counter.bits <= _HOPEFUL * 8 * len(classical)

    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        if measure:
            return [self._encode_measured(image, progress) for image in images]
        found: list[Encoded | None] = [None] * len(images)
        by_kind = sorted(range(len(images)), key=lambda i: _kind(images[i]))
        for kind, same in itertools.groupby(by_kind, key=lambda i: _kind(images[i])):
            for group in groups_of(same, _n_at_once(*kind[:2])):
                encoded = self._encode_alike(np.stack([images[i] for i in group]), progress)
                for i, one in zip(group, encoded, strict=True):
                    found[i] = one
        return found

    def _encode_alike(self, images: np.ndarray, progress: Progress | None) -> list[Encoded]:
        """Pictures [n, H, W] or [n, H, W, 3]; what their bits are made of is not measured."""
        sink = SideBySideWriter(len(images))
        self._write(sink, images, progress, measure=False)
        return [self._encoded(*pair, math.nan, math.nan) for pair in zip(images, sink.getvalues(), strict=True)]

    def _encode_measured(self, image: np.ndarray, progress: Progress | None) -> Encoded:
        writer = SymbolWriter()
        sink = CountedSink(writer)
        ideal_bits = self._write(sink, image[None], progress, measure=True)
        return self._encoded(image, writer.getvalue(), sink.counter.bits, ideal_bits)

    def _write(self, sink, images: np.ndarray, progress: Progress | None, measure: bool) -> float:
        grey, depth = images.ndim == 3, 8 * images.dtype.itemsize
        colour = np.repeat(images[..., None], 3, axis=3) if grey else images.copy()
        real, n_channels = _everywhere(*images.shape[:3]), 1 if grey else 3
        with one_blas_thread():
            return write_pixels(sink, *self._law(), colour, real, n_channels, depth, progress, measure)

    def _encoded(self, image: np.ndarray, stream: bytes, pixel_bits: float, ideal_bits: float) -> Encoded:
        header = container.image_header(image, container.LOSSLESS, METHOD, self.package.model_id)
        blob = container.pack(header, stream)
        return Encoded(blob, container.LOSSLESS, 8 * (len(blob) - len(stream)), 0.0, 0.0, pixel_bits, ideal_bits, 0.0)

    def decompress_many(self, blobs: Sequence[bytes], batch_size: int = 16) -> Iterator[np.ndarray]:
        """The pictures of many files, in order; neighbours of one size and kind are decoded `batch_size` at a time.

        The same pixels as `decompress` gives, and the same errors.
        """
        opened = (container.unpack(container.as_bytes(blob)) for blob in blobs)
        for kind, same in itertools.groupby(opened, key=lambda file: _header_kind(file[0])):
            if kind is None:
                yield from itertools.starmap(unpack_embedded, same)
                continue
            for group in groups_of(same, min(batch_size, _n_at_once(*kind[:2]))):
                yield from self._decode_alike(*zip(*group, strict=True))

    def _decode_alike(self, headers: Sequence[container.Header], payloads: Sequence[bytes]) -> Iterator[np.ndarray]:
        for header in headers:
            self.check_model(header)
        images = self._read(headers, SideBySideReader(payloads), None)
        for header, image in zip(headers, images, strict=True):
            container.check_pixels(header, image)
        yield from images

    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        return self._read([header], SymbolReader(payload), progress)[0]

    def _read(self, headers: Sequence[container.Header], source, progress: Progress | None) -> list[np.ndarray]:
        """Pictures of one kind, not compared with their checksums yet."""
        for header in headers:
            if header.method != METHOD:
                raise CorruptFile(
                    f"the file is damaged: its method is {header.method:02x}; this model's is {METHOD:02x}"
                )
        header = headers[0]
        real, n_channels = _everywhere(len(headers), header.height, header.width), 1 if header.grey else 3
        with one_blas_thread():
            pixels = read_pixels(source, *self._law(), real, n_channels, header.depth, progress)
        return [np.ascontiguousarray(p[..., 0] if header.grey else p, header.dtype) for p in pixels]

    def _law(self) -> tuple[Any, ExactNet, Any, None]:
        """Likelihood, net, parameters, and what a network with latents would say of the pixels."""
        return self.package.lossless_model.likelihood, ExactNet(), self.package.exact_params["likelihood"], None


def _kind(image: np.ndarray) -> tuple[int, int, int, int]:
    """What pictures that are computed together have in common: height, width, colours, bits."""
    return image.shape[0], image.shape[1], image.ndim, image.itemsize


def _header_kind(header: container.Header) -> tuple[int, int, bool, int] | None:
    """The same of a file; None for one without a model."""
    if header.kind == container.EMBEDDED:
        return None
    return header.height, header.width, header.grey, header.depth


def _n_at_once(height: int, width: int) -> int:
    return max(1, _PIXELS_AT_ONCE // (height * width))


def _crops(image: np.ndarray) -> np.ndarray:
    """[n, h, w, ...] all over a picture, no two in one row or column of the grid that they stand on."""
    height, width = (min(_CROP, size) for size in image.shape[:2])
    tops = np.linspace(0, image.shape[0] - height, _N_CROPS).astype(int)
    lefts = np.linspace(0, image.shape[1] - width, _N_CROPS).astype(int)[np.arange(_N_CROPS) * 3 % _N_CROPS]
    return np.stack([image[y : y + height, x : x + width] for y, x in zip(tops, lefts, strict=True)])


def _everywhere(n: int, height: int, width: int) -> np.ndarray:
    """A mask [n, H, W] that needs no memory, whatever size a header claims."""
    return np.broadcast_to(np.True_, (n, height, width))

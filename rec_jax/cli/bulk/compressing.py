"""Many pictures to `.rec` files."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from rec_jax.cli import codecs, lossy
from rec_jax.cli.bulk.work import BulkWork
from rec_jax.cli.streams import read_rec
from rec_jax.codec.base import FileCodec
from rec_jax.codec.container import LOSSY, Header, pixel_crc32
from rec_jax.codec.defaults import LOSSY_MODEL, default_model
from rec_jax.codec.image_io import read_image
from rec_jax.codec.tiles import SMALL
from rec_jax.core.errors import BitstreamMismatch

if TYPE_CHECKING:
    from rec_jax.codec.rate_control import Aim

_NEAR_DB = 18.0  # a lossy picture and its original; two photographs are about 10 dB from each other


@dataclasses.dataclass(frozen=True, eq=False)
class Compressor(BulkWork[np.ndarray]):
    """Small pictures are encoded together. Each model is opened once.

    model: name or path; None: the default model of each picture's size, or the lossy one.  aim: of lossy files.
    """

    model: str | None
    preset: str
    drop_icc: bool = False
    verify: bool = False
    aim: "Aim | None" = None
    _opened: dict[str, FileCodec] = dataclasses.field(default_factory=dict, init=False)

    def codec(self, model: str) -> FileCodec:
        """The codec of a model."""
        if model not in self._opened:
            self._opened[model] = codecs.open_codec(model, self.preset, self.aim is not None)
        return self._opened[model]

    def read(self, source: str) -> np.ndarray:
        return read_image(source, drop_icc=self.drop_icc)

    def holds(self, output: str, read: np.ndarray) -> bool:
        data, header, _ = read_rec(output)
        return is_of(header, read) or (self.aim is not None and self._looks_like(data, header, read))

    def _looks_like(self, data: bytes, header: Header, image: np.ndarray) -> bool:
        """Whether a lossy file is of this picture: as near to it as none of another one is."""
        if (header.kind, header.shape) != (LOSSY, image.shape):
            return False
        from rec_jax.core.psnr import psnr_db

        return psnr_db(image, self.codec(self.model or LOSSY_MODEL).decompress(data)) >= _NEAR_DB

    def kind(self, read: np.ndarray) -> tuple | None:
        if self.aim is not None:
            return None
        return () if max(read.shape[:2]) <= SMALL else None

    def convert(self, group: list[np.ndarray]) -> list[bytes]:
        if self.aim is not None:
            return [self._lossy(image, self.aim) for image in group]
        codec = self.codec(self.model or default_model(group[0]))
        blobs = [encoded.blob for encoded in codec.encode(group, measure=False)]
        if self.verify and not all(map(np.array_equal, codec.decompress_many(blobs), group)):
            raise BitstreamMismatch("the file did not decode to its pixels; it was not written")
        return blobs

    def _lossy(self, image: np.ndarray, aim: "Aim") -> bytes:
        codec = self.codec(self.model or LOSSY_MODEL)
        blob = lossy.compress(codec, aim, image)
        if self.verify:
            codecs.verify(codec, blob, image, "the picture")
        return blob


def is_of(header: Header, image: np.ndarray) -> bool:
    """Whether a header's checksum is that of a picture."""
    return (header.shape, header.dtype, header.pixel_crc32) == (image.shape, image.dtype, pixel_crc32(image))

"""Many pictures to `.rec` files."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from rec_jax.cli import codecs, lossy
from rec_jax.cli.bulk.work import BulkWork
from rec_jax.cli.streams import read_rec
from rec_jax.codec.base import FileCodec
from rec_jax.codec.container import EMBEDDED, LOSSY, Header, pixel_crc32
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
        return is_of(header, read) if self.aim is None else self._is_lossy_of(data, header, read, self.aim)

    def _is_lossy_of(self, data: bytes, header: Header, image: np.ndarray, aim: "Aim") -> bool:
        """Whether a file is of this picture, as nearly as it is asked for."""
        codec = lossy.curve_codec(self.codec(self.model or LOSSY_MODEL))
        if header.kind == EMBEDDED and is_of(header, image):
            return aim.is_kept_by(data, image, codec, image)
        if (header.kind, header.shape) != (LOSSY, image.shape):
            return False
        pixels = codec.decompress(data)
        return _is_near(image, pixels) and aim.is_kept_by(data, pixels, codec, image)

    @property
    def asked(self) -> str:
        return "this picture" if self.aim is None else "this picture as it is asked for"

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


def _is_near(image: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether a lossy picture is this one: nearer to it than other pictures are, or, of noise, than its mean colour."""
    from rec_jax.core.psnr import psnr_db

    db = psnr_db(image, pixels)
    if db >= _NEAR_DB:
        return True
    mean = np.round(image.mean(axis=(0, 1))).astype(np.uint8)
    return db > psnr_db(image, np.broadcast_to(mean, image.shape))


def is_of(header: Header, image: np.ndarray) -> bool:
    """Whether a header's checksum is that of a picture."""
    return (header.shape, header.dtype, header.pixel_crc32) == (image.shape, image.dtype, pixel_crc32(image))

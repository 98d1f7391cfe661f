"""Many pictures to `.rec` files."""

import dataclasses

import numpy as np

from rec_jax.cli import codecs
from rec_jax.cli.bulk.work import BulkWork
from rec_jax.cli.streams import read_rec
from rec_jax.codec.base import FileCodec
from rec_jax.codec.container import Header, pixel_crc32
from rec_jax.codec.defaults import default_model
from rec_jax.codec.image_io import read_image
from rec_jax.codec.tiles import SMALL
from rec_jax.core.errors import BitstreamMismatch


@dataclasses.dataclass(frozen=True, eq=False)
class Compressor(BulkWork[np.ndarray]):
    """Small pictures are encoded together. Each model is opened once.

    model: name or path; None: the default model of each picture's size.
    """

    model: str | None
    preset: str
    drop_icc: bool = False
    verify: bool = False
    _opened: dict[str, FileCodec] = dataclasses.field(default_factory=dict, init=False)

    def codec(self, model: str) -> FileCodec:
        """The codec of a model."""
        if model not in self._opened:
            self._opened[model] = codecs.open_codec(model, self.preset)
        return self._opened[model]

    def read(self, source: str) -> np.ndarray:
        return read_image(source, drop_icc=self.drop_icc)

    def holds(self, output: str, read: np.ndarray) -> bool:
        _, header, _ = read_rec(output)
        return is_of(header, read)

    def kind(self, read: np.ndarray) -> tuple | None:
        return () if max(read.shape[:2]) <= SMALL else None

    def convert(self, group: list[np.ndarray]) -> list[bytes]:
        codec = self.codec(self.model or default_model(group[0]))
        blobs = [encoded.blob for encoded in codec.encode(group, measure=False)]
        if self.verify and not all(map(np.array_equal, codec.decompress_many(blobs), group)):
            raise BitstreamMismatch("the file did not decode to its pixels; it was not written")
        return blobs


def is_of(header: Header, image: np.ndarray) -> bool:
    """Whether a header's checksum is that of a picture."""
    return (header.shape, header.dtype, header.pixel_crc32) == (image.shape, image.dtype, pixel_crc32(image))

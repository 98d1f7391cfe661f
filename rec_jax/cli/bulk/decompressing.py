"""Many `.rec` files to PNGs."""

import dataclasses
from typing import NamedTuple

from rec_jax.cli import codecs
from rec_jax.cli.bulk.compressing import is_of
from rec_jax.cli.bulk.work import BulkWork
from rec_jax.cli.streams import read_rec
from rec_jax.codec import codec_of
from rec_jax.codec.base import FileCodec
from rec_jax.codec.container import EMBEDDED, Header
from rec_jax.codec.embedded import unpack_embedded
from rec_jax.codec.image_io import read_image
from rec_jax.codec.png import png_bytes
from rec_jax.codec.tiles import SMALL


class RecFile(NamedTuple):
    """What read_rec gives."""

    data: bytes
    header: Header
    payload: bytes


@dataclasses.dataclass(frozen=True, eq=False)
class Decompressor(BulkWork[RecFile]):
    """Files of small pictures of one kind are decoded together. Each model is opened once.

    model: name or path; None: the shipped model of each file's id.
    """

    model: str | None = None
    device: str | None = None
    _opened: dict[tuple[int, int], FileCodec] = dataclasses.field(default_factory=dict, init=False)

    def read(self, source: str) -> RecFile:
        return RecFile(*read_rec(source))

    def holds(self, output: str, read: RecFile) -> bool:
        return is_of(read.header, read_image(output))

    def kind(self, read: RecFile) -> tuple | None:
        h = read.header
        if h.kind == EMBEDDED or max(h.height, h.width) > SMALL:
            return None
        return h.model_id, h.method, h.height, h.width, h.grey, h.depth

    def convert(self, group: list[RecFile]) -> list[bytes]:
        header = group[0].header
        if header.kind == EMBEDDED:
            return [png_bytes(unpack_embedded(file.header, file.payload)) for file in group]
        key = header.model_id, header.method >> 4
        if key not in self._opened:
            self._opened[key] = codecs.on_device(codec_of(header, self.model), self.device)
        return [png_bytes(image) for image in self._opened[key].decompress_many([file.data for file in group])]

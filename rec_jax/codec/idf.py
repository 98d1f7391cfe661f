"""The codec of integer flows: a picture's integers as its flow gives them, each part under the laws of those before.

The stream holds tile after tile, and of a tile z, then y of each level from the last to the first. An integer is coded
as a pixel of DEPTH bits would be, from the top bit down (exact/mixture.py); its two outermost values stand for all that
lies beyond, and how far beyond follows. Flow and laws are integers (exact/network.py), the same on every machine. Both
directions run on numpy, without jax.
"""

import dataclasses
import math
from typing import Any, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.codec.lossy_pictures import as_colour, padded, padded_size
from rec_jax.codec.naturals import read_naturals, write_naturals
from rec_jax.codec.pixels import code_values
from rec_jax.codec.presets import NO_PRESET
from rec_jax.codec.tiles import Tile, cut_tile, tile_side, tiles
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.progress import Progress
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.base import CountedSink, Sink, Source
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.entropy.tables import two_sided_geometric
from rec_jax.exact.mixture import IntegerMixtures, components
from rec_jax.exact.network import OUTPUT_BITS, ExactNet
from rec_jax.models.base import IntegerFlow, IntegerLaw
from rec_jax.models.integer_flow import MIDDLE, VALUE_BITS, law_log_prob_nats

METHOD = NO_PRESET << 4  # in a header
DEPTH = 10  # bits of an integer
_HALF, _LAST = 1 << (DEPTH - 1), (1 << DEPTH) - 1
_LENGTHS = two_sided_geometric(0, 128, 24)  # of how far beyond: below 2^24


@dataclasses.dataclass(frozen=True, eq=False)
class IDFCodec(FileCodec):
    """The codec of a package with an integer flow. 16-bit pictures, which its networks do not know, are embedded."""

    searches = False
    progress_of = "tiles"

    @property
    def model(self) -> IntegerFlow:
        """The package's."""
        assert isinstance(self.package.model, IntegerFlow)
        return self.package.model

    def on_device(self, platform: str | None) -> Self:
        if platform is not None:
            raise ConfigError(f"{self.package.name} is a flow and decodes on the processor; take no device")
        return self

    def pieces(self, image: np.ndarray) -> np.ndarray:
        side = tile_side(*image.shape[:2], self.model.stride)
        return np.stack([cut_tile(image, tile, side) for tile in tiles(*image.shape[:2], side)])

    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        return [None if image.dtype != np.uint8 else self._encode_one(image, progress, measure) for image in images]

    def _encode_one(self, image: np.ndarray, progress: Progress | None, measure: bool) -> Encoded:
        writer = SymbolWriter()
        sink, ideal_bits = CountedSink(writer), 0.0
        layout = self._tiles(*image.shape[:2])
        with one_blas_thread():
            for number, tile in enumerate(layout, 1):
                for values, law in self._parts(as_colour(image), tile):
                    write_integers(sink, values, law)
                    ideal_bits += ideal_bits_of(values, law) if measure else math.nan
                progress and progress(number, len(layout))
        stream = writer.getvalue()
        header = container.image_header(image, container.LOSSLESS, METHOD, self.package.model_id)
        blob, bits = container.pack(header, stream), sink.counter.bits
        return Encoded(blob, container.LOSSLESS, 8 * (len(blob) - len(stream)), 0.0, 0.0, bits, ideal_bits, 0.0)

    def _parts(self, image: np.ndarray, tile: Tile) -> list[tuple[np.ndarray, IntegerLaw]]:
        here = image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
        values = padded(here, self.model.stride)[None].astype(np.float64) - MIDDLE
        return self.model.forward(ExactNet(), self.package.exact_params, values)

    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        """The picture is made only once its tiles are read: the header may claim any size, the stream cannot."""
        if header.method != METHOD or header.depth != 8:
            raise CorruptFile(
                f"the file is damaged: its method is {header.method:02x}, its depth {header.depth}; this model's are "
                f"{METHOD:02x} and 8"
            )
        reader, parts = SymbolReader(payload), []
        layout = self._tiles(header.height, header.width)
        with one_blas_thread():
            for number, tile in enumerate(layout, 1):
                parts.append(self._read_tile(reader, tile))
                progress and progress(number, len(layout))
        image = np.empty((header.height, header.width, 3), np.uint8)
        for tile, pixels in zip(layout, parts, strict=True):
            image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = pixels
        return np.ascontiguousarray(image[..., 0]) if header.grey else image

    def _read_tile(self, reader: SymbolReader, tile: Tile) -> np.ndarray:
        def read(law: IntegerLaw, shape: tuple[int, int, int]) -> np.ndarray:
            return read_integers(reader, law, (1, *shape)).astype(np.float64)

        size = padded_size(tile.height, tile.width, self.model.stride)
        values = self.model.inverse(ExactNet(), self.package.exact_params, read, size)[0] + MIDDLE
        if values.min() < 0 or values.max() > 255:
            raise CorruptFile("the file is damaged: its integers are none of a picture's; get it again")
        return values[: tile.height, : tile.width].astype(np.uint8)

    def _tiles(self, height: int, width: int) -> list[Tile]:
        return list(tiles(height, width, tile_side(height, width, self.model.stride)))


def write_integers(sink: Sink, values: np.ndarray, law: IntegerLaw) -> None:
    """Appends integers [B, h, w, C] of an exact flow, magnitudes below 2^23, under their laws."""
    symbols = values.astype(np.int64).ravel() + _HALF

    def say(ones: np.ndarray, known: np.ndarray, bit: int) -> np.ndarray:
        bits = (known >> bit) & 1
        sink.write_bits(bits, ones)
        return bits

    coded = np.clip(symbols, 0, _LAST)
    code_values(say, _mixtures(law, values.shape), coded, DEPTH)
    outer = (coded == 0) | (coded == _LAST)
    write_naturals(sink, np.abs(symbols - coded)[outer] + 1, _LENGTHS)


def read_integers(source: Source, law: IntegerLaw, shape: tuple[int, ...]) -> np.ndarray:
    """The integers, int64 of a shape [B, h, w, C]."""

    def say(ones: np.ndarray, known: np.ndarray, bit: int) -> np.ndarray:
        del known, bit
        return source.read_bits(ones)

    symbols = code_values(say, _mixtures(law, shape), np.zeros(math.prod(shape), np.int64), DEPTH)
    outer = (symbols == 0) | (symbols == _LAST)
    beyond = read_naturals(source, int(outer.sum()), _LENGTHS) - 1
    symbols[outer] += np.where(symbols[outer] == 0, -beyond, beyond)
    return symbols.reshape(shape) - _HALF


def _mixtures(law: IntegerLaw, shape: tuple[int, ...]) -> IntegerMixtures:
    """Of every integer; a pixel's bin begins at its value, ours lies around it, and 2^DEPTH of them are wider."""
    wider = 2.0 ** (DEPTH - VALUE_BITS)
    logits, loc, log_scale = (_rows(part, shape) for part in law)
    parts = components(logits, log_scale)
    half_bin = 1 << (OUTPUT_BITS - VALUE_BITS - 1)
    return IntegerMixtures(parts._replace(inverse=parts.inverse * wider), (loc + half_bin) / wider, DEPTH)


def _rows(part: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[n, N] of what is [..., C, n] or broadcasts to it."""
    n = part.shape[-1]
    return np.ascontiguousarray(np.broadcast_to(part, (*shape, n)).reshape(-1, n).T)


def ideal_bits_of(values: Any, law: IntegerLaw) -> float:
    """-log2 P of integers, in floats."""
    floats = IntegerLaw(*(part * 2.0**-OUTPUT_BITS for part in law))
    return -float(nats_to_bits(law_log_prob_nats(floats, values, np).sum()))

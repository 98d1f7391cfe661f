"""The lossless codec: any picture to a `.rec` file of about -ELBO bits, and back, exactly, on every machine.

A picture is cut into tiles. Each tile's latents are sent by relative entropy coding, layer by layer from the top;
then its pixels by p(x | z) at the z that both sides have. All symbols go into one entropy-coded stream, in groups of
tiles: the latents of a group, then the pixels of the group before it, so that a decoder can walk the network for one
group while it reads the pixels of another. Decoding runs on numpy; encoding imports jax (encoder.py).
"""

import dataclasses
import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded, FileCodec
from rec_jax.codec.latents import LayerCalls, groups_of, layer_calls, read_codes, walk_outputs
from rec_jax.codec.pixels import read_pixels
from rec_jax.codec.presets import preset_name, preset_number
from rec_jax.codec.tiles import Tile, cut_tile, tile_side, tiles
from rec_jax.coders import LayerCoder
from rec_jax.core.errors import CorruptFile, WrongModel
from rec_jax.core.progress import Progress
from rec_jax.entropy.queue import SymbolReader
from rec_jax.exact.network import ExactNet

if TYPE_CHECKING:
    from rec_jax.core.kept_programs import KeptPrograms

# How often the coder's blocks are halved: not at all; where one of them overflows, 5 times; then a classical format.
SPLITS = (0, 5)
GROUP = 16  # tiles whose latents, and whose pixels, stand together in a stream


class _Opened(NamedTuple):
    """A file that waits for others to be decoded with."""

    blob: bytes
    header: container.Header
    payload: bytes
    batches_with: tuple[int, int] | None  # files of the same (side of their one tile, split); None: it goes alone


class Layout(NamedTuple):
    """How pictures of one tile side are coded: what encoder and decoder derive from a header."""

    side: int
    coder: LayerCoder  # of every layer's search and samples
    calls: list[LayerCalls]


@dataclasses.dataclass(frozen=True, eq=False)
class LosslessCodec(FileCodec):
    """The codec of a package with latents, and a coder for them.

    platform: where decoding walks the network: a platform of jax, or None for numpy.
    programs: what keeps encoding's compiled programs on disk, if anything does.
    """

    coder: LayerCoder
    platform: str | None = None
    programs: "KeptPrograms | None" = None

    searches = True
    progress_of = "tiles"

    def on_device(self, platform: str | None) -> Self:
        return dataclasses.replace(self, platform=platform)

    def keeping_programs(self, folder: str | os.PathLike) -> Self | None:
        from rec_jax.core.kept_programs import KeptPrograms, can_be_kept

        if not can_be_kept((self.package.model, self.coder)):
            return None
        return dataclasses.replace(self, programs=KeptPrograms(folder))

    def pieces(self, image: np.ndarray) -> np.ndarray:
        side = self.tile_side(image)
        return np.stack([cut_tile(image, tile, side) for tile in tiles(*image.shape[:2], side)])

    def _encode(self, images: list[np.ndarray], progress: Progress | None, measure: bool) -> list[Encoded | None]:
        from rec_jax.codec.encoder import encode_all

        del measure
        return encode_all(self, images, progress)

    def decompress_many(self, blobs: Sequence[bytes], batch_size: int = GROUP) -> Iterator[np.ndarray]:
        """The pictures of many files, in order; pictures of one tile walk the network `batch_size` at a time.

        The same pixels as `decompress` gives, and the same errors; faster for many small pictures on a device.
        """
        opened = (self._opened(container.as_bytes(blob)) for blob in blobs)
        for kind, same in itertools.groupby(opened, key=lambda file: file.batches_with):
            for batch in groups_of(same, batch_size if kind else 1):
                yield from self._read_batch(batch) if kind else (self.decompress(file.blob) for file in batch)

    def tile_side(self, image: np.ndarray) -> int:
        """Side of the square tiles that this picture is cut into."""
        return tile_side(*image.shape[:2], self.package.model.stride)

    def layout(self, side: int, split: int = 0) -> Layout:
        """The layers' coders for tiles of one side, with blocks 2^split times smaller."""
        package, coder = self.package, self.coder.smaller(split)
        learned = package.learned.for_coder(self.coder, package.coder)
        return Layout(side, coder, layer_calls(package.lossless_model, coder, learned, side))

    def method(self, split: int) -> int:
        """The header's method: preset and split."""
        return preset_number(self.coder) << 4 | split

    def _decode(self, header: container.Header, payload: bytes, progress: Progress | None) -> np.ndarray:
        """The picture is made only as its groups are read: the header may claim any size, the stream cannot."""
        reader, split = SymbolReader(payload), self._checked_split(header)
        side = tile_side(header.height, header.width, self.package.model.stride)
        layout, n_channels = self.layout(side, split), 1 if header.grey else 3
        parts: list[tuple[Tile, np.ndarray]] = []
        total = -(-header.height // side) * -(-header.width // side)
        with ThreadPoolExecutor(1) as walker:
            waiting = None
            for group in groups_of(enumerate(tiles(header.height, header.width, side)), GROUP):
                codes = [read_codes(reader, layout.calls) for _ in group]
                walked = walker.submit(self._outputs, layout, [number for number, _ in group], codes)
                if waiting is not None:
                    parts += self._read_pixels(reader, waiting[0], waiting[1].result(), header.depth, n_channels)
                    progress and progress(len(parts), total)
                waiting = group, walked
            assert waiting is not None, "a picture has a tile"
            parts += self._read_pixels(reader, waiting[0], waiting[1].result(), header.depth, n_channels)
            progress and progress(len(parts), total)
        image = np.zeros((header.height, header.width, 3), header.dtype)
        for tile, pixels in parts:
            image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = pixels
        return np.ascontiguousarray(image[..., 0]) if header.grey else image

    def _opened(self, blob: bytes) -> "_Opened":
        header, payload = container.unpack(blob)
        side = tile_side(header.height, header.width, self.package.model.stride)
        if header.kind == container.EMBEDDED or max(header.height, header.width) > side:
            return _Opened(blob, header, payload, None)
        self.check_model(header)
        return _Opened(blob, header, payload, (side, self._checked_split(header)))

    def _read_batch(self, batch: "list[_Opened]") -> Iterator[np.ndarray]:
        """Pictures of one tile each, all of one layout."""
        shared = batch[0].batches_with
        assert shared is not None, "what goes alone is no batch"
        layout = self.layout(*shared)
        readers = [SymbolReader(file.payload) for file in batch]
        outputs = self._outputs(layout, [0] * len(batch), [read_codes(reader, layout.calls) for reader in readers])
        for file, reader, row in zip(batch, readers, outputs, strict=True):
            header = file.header
            group = [(0, Tile(0, 0, header.height, header.width))]
            colours = 1 if header.grey else 3
            pixels = self._read_pixels(reader, group, row[None], header.depth, colours)[0][1]
            image = np.ascontiguousarray(pixels[..., 0]) if header.grey else pixels
            container.check_pixels(header, image)
            yield image

    def _read_pixels(self, reader, group, outputs, depth: int, n_channels: int) -> list[tuple[Tile, np.ndarray]]:
        """The pixels of a group's tiles, [h, w, 3] each."""
        model = self.package.lossless_model
        real = real_pixels([tile for _, tile in group], outputs.shape[1])
        likelihood_params = self.package.exact_params["likelihood"]
        pixels = read_pixels(reader, model.likelihood, ExactNet(), likelihood_params, outputs, real, n_channels, depth)
        dtype = np.uint8 if depth == 8 else np.uint16
        return [(t, p[: t.height, : t.width].astype(dtype)) for (_, t), p in zip(group, pixels, strict=True)]

    def _outputs(self, layout: Layout, numbers: list[int], codes) -> np.ndarray:
        if self.platform is not None:
            from rec_jax.codec.device import walk_on_device

            return walk_on_device(self.package, layout, numbers, codes, self.platform)
        package = self.package
        return walk_outputs(package.lossless_model, package.exact_params, layout.calls, numbers, codes, layout.side)

    def _checked_split(self, header: container.Header) -> int:
        """The header's split, once it is clear that this coder wrote the file."""
        preset, split = header.method >> 4, header.method & 15
        if preset != preset_number(self.coder):
            have = preset_name(preset_number(self.coder))
            raise WrongModel(f"the file was written with preset {preset_name(preset)}; this codec has {have}")
        if split not in SPLITS:
            raise CorruptFile(f"the file is damaged: its blocks were halved {split} times; have {SPLITS}")
        return split


def real_pixels(group: Sequence[Tile], side: int) -> np.ndarray:
    """Which pixels of padded tiles are the picture's, bool [T, side, side]."""
    real = np.zeros((len(group), side, side), bool)
    for mask, tile in zip(real, group, strict=True):
        mask[: tile.height, : tile.width] = True
    return real

"""The lossless codec: any uint8 picture to a `.rec` file of about -ELBO bits, and back, exactly.

A picture is cut into tiles. Each tile's latents are sent by relative entropy coding, layer by layer from the top;
then its pixels by p(x | z) at the z that the decoder will have. All symbols go into one entropy-coded stream.
"""

import collections
import dataclasses
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import numpy as np

from rec_jax.codec import container
from rec_jax.codec.latents import LatentCoder
from rec_jax.codec.pixels import PixelCoder
from rec_jax.codec.tiles import SMALL, Tile, cut_tile, tile_side, tiles
from rec_jax.coders import Coder, StepCountModel
from rec_jax.coders.blocks import block_shape
from rec_jax.core.errors import CoderOverflow, CorruptFile, WrongModel
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.stream import SymbolReader, SymbolWriter
from rec_jax.models.base import LatentModel

SPLITS = (0, 5)  # blocks of the coder's size; where one of them overflows, 32 times smaller ones; then stored mode
SEARCHES_AT_ONCE = 3  # batches, where there are as many processors: a search by itself keeps only one busy
BATCH_SIZE = 16  # tiles encoded together, or one alone: a batch that is not full takes as long as a full one
MOST_ALONE = 4  # so many are faster one by one


class Encoded(NamedTuple):
    """A file and what it is made of. The parts sum to 8 * len(blob) up to the stream's last word."""

    blob: bytes
    mode: int  # container.LATENT or STORED; of a stored file all numbers below are 0
    header_bits: int
    index_bits: float  # the chosen candidates
    side_bits: float  # the numbers of steps, and the outliers
    pixel_bits: float  # the pixels under the integer tables
    ideal_pixel_bits: float  # -log2 p(x | z) at the same z
    kl_bits: float  # KL(q || p) of the targets that were coded


class _TileParts(NamedTuple):
    index_bits: float
    side_bits: float
    pixel_bits: float
    ideal_pixel_bits: float
    kl_bits: float


class _Overflow(Exception):
    """A tile's target is beyond the coder's static size."""


@dataclasses.dataclass(frozen=True, eq=False)
class LosslessCodec:
    """A model, its parameters and a coder.

    step_counts: per layer, how the coder's numbers of steps are coded (empty: the coder's own model for all).
    weights: per layer and channel, how the KL is expected to be spread (calibrate.py; empty: not known).
    preset: the coder's number in the file, container.CUSTOM_PRESET if it is none of the named ones.
    allow_stored: whether a picture that the model would make larger, or cannot code, is stored as it is. False is for
      experiments on poor models: then the file is larger, or CoderOverflow is raised.
    """

    model: LatentModel
    params: Any = dataclasses.field(repr=False)
    coder: Coder
    step_counts: tuple[StepCountModel, ...] = ()
    model_id: int = 0
    preset: int = container.CUSTOM_PRESET
    allow_stored: bool = True
    weights: tuple[tuple[int, ...], ...] = ()

    def compress(self, image: np.ndarray) -> bytes:
        """A `.rec` file for uint8 [H, W, 3] or grey [H, W]; UnsupportedImage for anything else."""
        return self.encode([image])[0].blob

    def decompress(self, blob: bytes) -> np.ndarray:
        """The exact pixels of a file that this model and coder wrote.

        Raises CorruptFile, UnsupportedVersion, WrongModel or BitstreamMismatch; never returns other pixels.
        """
        header, stream = container.unpack(blob)
        if header.mode == container.STORED:
            return container.unpack_stored(header, stream)
        self._check_ours(header)
        try:
            pixels = self._read_pixels(header, SymbolReader(stream))
        except CorruptFile as error:
            if header.runtime == container.current_runtime():
                raise
            raise container.mismatch(header) from error  # another runtime's floats lead into an impossible stream too
        container.check_pixels(header, pixels)
        return pixels

    def encode(self, images: Sequence[np.ndarray]) -> list[Encoded]:
        """Files of many pictures, whose tiles are searched together, with what each file is made of."""
        headers = [container.image_header(image, mode=container.LATENT, **self._identity()) for image in images]
        encoded: list[Encoded | None] = [None] * len(images)
        for split in SPLITS:
            left = [i for i in range(len(images)) if encoded[i] is None]
            for i, blob in self._encode_split([images[i] for i in left], [headers[i] for i in left], split):
                encoded[left[i]] = blob
        return [self._or_stored(e, image) for e, image in zip(encoded, images, strict=True)]

    def _or_stored(self, encoded: Encoded | None, image: np.ndarray) -> Encoded:
        """What was encoded, or the picture as it is where that is smaller or the only way."""
        if not self.allow_stored:
            if encoded is None:
                raise CoderOverflow("a picture holds more nats than the coder admits; raise max_nats or allow_stored")
            return encoded
        stored = container.pack_stored(image)
        if encoded is not None and len(encoded.blob) < len(stored):
            return encoded
        return Encoded(stored, container.STORED, *6 * (0,))

    def tile_side(self, image: np.ndarray) -> int:
        """Side of the square tiles that this picture is cut into."""
        return tile_side(*image.shape[:2], self.model.stride)

    # ---- encoding ------------------------------------------------------------------------------------------------

    def _encode_split(self, images, headers, split: int):
        """(position, Encoded) of every image whose tiles all fit the coder with blocks 2^split times smaller."""
        colour = [np.repeat(im[..., None], 3, axis=2) if im.ndim == 2 else im for im in images]
        failed: set[int] = set()
        jobs = (
            (i, number, tile, self.tile_side(image))
            for i, image in enumerate(colour)
            for number, tile in enumerate(tiles(*image.shape[:2], self.tile_side(image)))
            if i not in failed
        )
        latents = self._latents(split)
        searched = _in_batches(
            jobs, lambda batch, size: self._search(latents, [(*job[1:], colour[job[0]]) for job in batch], size)
        )
        for i, own in itertools.groupby(searched, key=lambda pair: pair[0][0]):
            try:
                yield i, self._write(headers[i], colour[i], own, latents, split)
            except _Overflow:
                failed.add(i)  # and its other tiles need no search

    def _search(self, latents: LatentCoder, batch, size: int):
        """Codes and infos of tiles of one shape, one pair per tile, on the host."""
        side = batch[0][2]
        cuts = np.stack([cut_tile(image, tile, side) for _, tile, _, image in batch])
        numbers = np.array([number for number, *_ in batch], np.int32)
        sizes = np.array([(tile.height, tile.width) for _, tile, _, _ in batch], np.int32)
        full = [_repeat_last(array, size) for array in (numbers, cuts, sizes)]
        found = jax.device_get(latents.encode(self.params, *full))
        return [jax.tree.map(lambda x, j=j: x[:, j], found) for j in range(len(batch))]

    def _write(self, header, image, tile_codes, latents: LatentCoder, split: int) -> Encoded:
        writer, parts = SymbolWriter(), []
        for (_, number, tile, side), (codes, infos) in tile_codes:
            if any(np.any(info.overflow) for info in infos):
                raise _Overflow
            index_bits, side_bits = self._write_codes(writer, latents, codes, side)
            pixel_coder = self._pixel_coder(latents, number, codes, tile, side)
            pixels = image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width]
            ideal_bits, pixel_bits = pixel_coder.write(writer, pixels, 1 if header.grey else 3)
            kl_bits = float(nats_to_bits(sum(info.kl_nats.sum() for info in infos)))
            parts.append(_TileParts(index_bits, side_bits, pixel_bits, ideal_bits, kl_bits))
        stream = writer.getvalue()
        blob = container.pack(dataclasses.replace(header, split=split), stream)
        return Encoded(blob, container.LATENT, 8 * (len(blob) - len(stream)), *np.sum(parts, axis=0).tolist())

    def _write_codes(self, writer: SymbolWriter, latents: LatentCoder, codes, side: int) -> tuple[float, float]:
        """Appends all layers' symbols; returns Encoded's (index bits, side bits)."""
        index_bits = side_bits = 0.0
        layers = (jax.tree.map(lambda x, i=i: x[i], level) for level in codes for i in range(_n_layers(level)))
        for coder, p, code in zip(self._layer_coders(latents, side), latents.shapes(side), layers, strict=True):
            values, tables = coder.symbols(code, p)
            for run, table in zip(values, tables, strict=True):
                writer.write(run, table)
            *others, index = (table.bits(run) for run, table in zip(values, tables, strict=True))
            side_bits += sum(others)
            index_bits += index
        return index_bits, side_bits

    # ---- decoding ------------------------------------------------------------------------------------------------

    def _read_pixels(self, header: container.Header, reader: SymbolReader) -> np.ndarray:
        """The picture, made only after all its tiles were read: the header may claim any size, the stream cannot."""
        side = tile_side(header.height, header.width, self.model.stride)
        n_channels = 1 if header.grey else 3
        decoded = [
            (tile, self._read_tile(reader, number, tile, side, n_channels, header.split))
            for number, tile in enumerate(tiles(header.height, header.width, side))
        ]
        image = np.zeros((header.height, header.width, n_channels), np.uint8)
        for tile, values in decoded:
            image[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] = values
        return image[..., 0] if header.grey else image

    def _read_tile(self, reader, number: int, tile: Tile, side: int, n_channels: int, split: int) -> np.ndarray:
        latents = self._latents(split)
        layers = [
            coder.from_symbols(coder.read_symbols(reader.read, p), p)
            for coder, p in zip(self._layer_coders(latents, side), latents.shapes(side), strict=True)
        ]
        codes, first = [], 0
        for n_blocks in latents.layers_per_level():
            codes.append(jax.tree.map(lambda *leaves: np.stack(leaves), *layers[first : first + n_blocks]))
            first += n_blocks
        values = self._pixel_coder(latents, number, codes, tile, side).read(reader, n_channels)
        return values.reshape(tile.height, tile.width, n_channels)

    def _pixel_coder(self, latents: LatentCoder, number: int, codes, tile: Tile, side: int) -> PixelCoder:
        """p(x | z) at the replayed z: what encoder and decoder have in common to the last bit."""
        shared, outputs = jax.device_get(latents.replay(self.params, np.int32(number), codes, side))
        return PixelCoder(self.model.likelihood, shared, outputs[: tile.height, : tile.width])

    def _check_ours(self, header: container.Header) -> None:
        if header.model_id != self.model_id:
            raise WrongModel(f"the file was written with model {header.model_id:04x}; this is {self.model_id:04x}")
        if header.preset != self.preset:
            have = container.Header(1, 1, False, container.LATENT, 0, self.preset).preset_name
            raise WrongModel(f"the file was written with preset {header.preset_name}; this codec has {have}")
        if header.split not in SPLITS:
            raise CorruptFile(f"the file is damaged: its blocks were halved {header.split} times; have {SPLITS}")

    # ---- both ----------------------------------------------------------------------------------------------------

    def _identity(self) -> dict[str, int]:
        return dict(model_id=self.model_id, preset=self.preset, runtime=container.current_runtime())

    def _latents(self, split: int) -> LatentCoder:
        coder = self.coder
        if split and coder.block_size is not None:
            coder = dataclasses.replace(coder, block_size=max(1, coder.block_size >> split))
        return LatentCoder(self.model, coder, self.weights)

    def _layer_coders(self, latents: LatentCoder, side: int) -> list[Coder]:
        """The coder of every layer, with its own model of step counts, for the host's symbols of a tile.

        That model was learned on small tiles and whole blocks; others' blocks may have more dims, or fewer.
        """
        if not self.step_counts:
            return [latents.coder] * self.model.n_layers
        widths = zip(_block_widths(latents, side), _block_widths(self._latents(0), SMALL), strict=True)
        return [
            dataclasses.replace(latents.coder, step_counts=counts.scaled(here, learned))
            for counts, (here, learned) in zip(self.step_counts, widths, strict=True)
        ]


def _block_widths(latents: LatentCoder, side: int) -> list[int]:
    """Dims per block of every layer of a tile."""
    return [block_shape(p.loc.size, latents.coder.block_size)[1] for p in latents.shapes(side)]


def _repeat_last(array: np.ndarray, size: int) -> np.ndarray:
    """[n, ...] to [size, ...]."""
    return np.pad(array, ((0, size - len(array)), *(array.ndim - 1) * ((0, 0),)), mode="edge")


def _n_layers(level) -> int:
    return jax.tree.leaves(level)[0].shape[0]


def _in_batches(jobs: Iterable, search: Callable) -> Iterator:
    """(job, its result) in order, of search(batch, size) over neighbouring jobs of one tile side.

    A few batches are searched at once, and few are ahead of what was taken, so that memory does not grow with the
    picture. The first batch of a kind goes alone: it compiles what the others use.
    """
    n_workers = min(SEARCHES_AT_ONCE, _n_processors())
    pool, waiting, compiled = ThreadPoolExecutor(n_workers), collections.deque(), set()
    try:
        for batch, size in _batches(jobs):
            found = pool.submit(search, batch, size)
            if (kind := (batch[0][3], size)) not in compiled:
                wait([found])
                compiled.add(kind)
            waiting.append((batch, found))
            if len(waiting) > n_workers:
                ready, found = waiting.popleft()
                yield from zip(ready, found.result(), strict=True)
        for ready, found in waiting:
            yield from zip(ready, found.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(jobs: Iterable) -> Iterator[tuple[list, int]]:
    """Neighbouring jobs of one tile side with the size that is compiled for as many; a few go one by one."""
    for _, same in itertools.groupby(jobs, key=lambda job: job[3]):
        while batch := list(itertools.islice(same, BATCH_SIZE)):
            if len(batch) > MOST_ALONE:
                yield batch, BATCH_SIZE
            else:
                yield from (([job], 1) for job in batch)


def _n_processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""Encoding under jax: pictures cut into tiles, which are searched together (tile_search.py), and their files."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded
from rec_jax.codec.latents import write_codes
from rec_jax.codec.lossless import GROUP, SPLITS, LosslessCodec, real_pixels
from rec_jax.codec.pixels import write_pixels
from rec_jax.codec.search_batches import Job, in_batches
from rec_jax.codec.tile_search import encode_tiles
from rec_jax.codec.tiles import cut_tile, tiles
from rec_jax.coders.base import Code
from rec_jax.core.progress import Progress
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.base import CountedSink
from rec_jax.entropy.queue import SymbolWriter
from rec_jax.exact.network import ExactNet


class _Found(NamedTuple):
    """What the search of a tile gave."""

    codes: list[Code]  # per layer
    outputs: np.ndarray  # [side, side, n_outputs], of the exact net at these codes' samples
    kl_nats: float
    overflow: bool


class _Overflow(Exception):
    """A tile's target is beyond the coder's static size."""


def encode_all(
    codec: LosslessCodec, images: Sequence[np.ndarray], progress: Progress | None = None
) -> list[Encoded | None]:
    """Files of many pictures, whose tiles are searched together; None for one that the coder cannot hold."""
    encoded: list[Encoded | None] = [None] * len(images)
    for split in SPLITS:
        left = [i for i in range(len(images)) if encoded[i] is None]
        if left:
            for i, found in _encode_split(codec, [images[i] for i in left], split, progress):
                encoded[left[i]] = found
    return encoded


def _encode_split(codec: LosslessCodec, images, split: int, progress: Progress | None):
    """(position, Encoded) of every image whose tiles all fit the coder with blocks 2^split times smaller."""
    colour = [np.repeat(im[..., None], 3, axis=2) if im.ndim == 2 else im for im in images]
    failed: set[int] = set()
    total = sum(sum(1 for _ in tiles(*im.shape[:2], codec.tile_side(im))) for im in images)
    jobs = (
        Job(i, number, tile, codec.tile_side(image))
        for i, image in enumerate(colour)
        for number, tile in enumerate(tiles(*image.shape[:2], codec.tile_side(image)))
        if i not in failed
    )
    found = _counted(in_batches(jobs, lambda batch, size: _search(codec, split, colour, batch, size)), total, progress)
    for i, own in itertools.groupby(found, key=lambda pair: pair[0].image):
        try:
            yield i, _write(codec, images[i], colour[i], own, split)
        except _Overflow:
            failed.add(i)  # and its other tiles need no search


def _search(codec: LosslessCodec, split: int, colour, batch: Sequence[Job], size: int) -> list[_Found]:
    """The codes of tiles of one side, as many as are compiled for."""
    side = batch[0].side
    cuts = np.stack([cut_tile(colour[job.image], job.tile, side) for job in batch])
    numbers = np.array([job.number for job in batch], np.uint32)
    sizes = np.array([(job.tile.height, job.tile.width) for job in batch], np.int32)
    full = [_repeat_last(array, size) for array in (cuts, numbers, sizes)]
    codes, outputs, kl_nats, overflow = encode_tiles(codec, codec.layout(side, split), *full)
    return [
        _Found([jax.tree.map(lambda x, j=j: x[j], c) for c in codes], outputs[j], kl_nats[j], overflow[j])
        for j in range(len(batch))
    ]


def _write(codec: LosslessCodec, image, colour, found: Iterable[tuple[Job, _Found]], split: int) -> Encoded:
    """One picture's file: the latents of a group of tiles, then the pixels of the group before it."""
    writer, parts, waiting = SymbolWriter(), np.zeros(5), None
    while group := list(itertools.islice(found, GROUP)):
        if any(result.overflow for _, result in group):
            raise _Overflow
        calls = codec.layout(group[0][0].side, split).calls
        for _, result in group:
            parts[:2] += write_codes(writer, calls, result.codes)
            parts[4] += float(nats_to_bits(result.kl_nats))
        if waiting is not None:
            parts[2:4] += _write_pixels(writer, codec, image, colour, waiting)
        waiting = group
    parts[2:4] += _write_pixels(writer, codec, image, colour, waiting)
    header = container.image_header(image, container.LOSSLESS, codec.method(split), codec.package.model_id)
    stream = writer.getvalue()
    blob = container.pack(header, stream)
    return Encoded(blob, container.LOSSLESS, 8 * (len(blob) - len(stream)), *parts.tolist())


def _write_pixels(writer: SymbolWriter, codec: LosslessCodec, image, colour, group) -> tuple[float, float]:
    """Appends a group's pixels; returns (bits under the integer tables, ideal bits)."""
    side, sink, package = group[0][0].side, CountedSink(writer), codec.package
    outputs = np.stack([result.outputs for _, result in group]).astype(np.float64)
    pixels = np.stack([cut_tile(colour, job.tile, side) for job, _ in group]).astype(np.int32)
    real = real_pixels([job.tile for job, _ in group], side)
    ideal_bits = write_pixels(
        sink, package.lossless_model.likelihood, ExactNet(), package.exact_params["likelihood"], outputs, pixels, real,
        1 if image.ndim == 2 else 3, 8 * image.dtype.itemsize,
    )  # fmt: skip
    return sink.counter.bits, ideal_bits


def _counted(found: Iterator, total: int, progress: Progress | None) -> Iterator:
    for done, pair in enumerate(found, 1):
        yield pair
        if progress is not None:
            progress(done, total)


def _repeat_last(array: np.ndarray, size: int) -> np.ndarray:
    """[n, ...] to [size, ...]."""
    return np.pad(array, ((0, size - len(array)), *(array.ndim - 1) * ((0, 0),)), mode="edge")

"""Encoding under jax: the search for codes, on the exact walk that the decoder will walk.

Layer by layer, the network runs in integers under numpy, as in the decoder; the posterior and the coder's search, which
no decoder repeats, run in float32 under jax. So an encoder's samples are the decoder's, and nothing is replayed.
"""

import collections
import functools
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded
from rec_jax.codec.latents import layer_keys, write_codes
from rec_jax.codec.lossless import GROUP, SPLITS, Layout, LosslessCodec, real_pixels
from rec_jax.codec.pixels import write_pixels
from rec_jax.codec.tiles import Tile, cut_tile, tiles
from rec_jax.coders import LayerCoder
from rec_jax.coders.base import Code
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.kept_programs import Program
from rec_jax.core.layers import Layer
from rec_jax.core.processors import n_processors
from rec_jax.core.progress import Progress
from rec_jax.core.units import nats_to_bits
from rec_jax.entropy.base import CountedSink
from rec_jax.entropy.queue import SymbolWriter
from rec_jax.exact.arithmetic import FRACTION_BITS, as_floats
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.scope import search_jax
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.base import TopDownModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.likelihoods.base import scale_pixels

SEARCHES_AT_ONCE = 3  # batches, where there are as many processors: a search by itself keeps only one busy
BATCH_SIZE = 16  # tiles encoded together, or one alone: a batch that is not full takes as long as a full one
MOST_ALONE = 4  # so many are faster one by one
_NET = FloatNet()


class _Job(NamedTuple):
    """A tile of one of the pictures."""

    image: int
    number: int
    tile: Tile
    side: int


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


def encode_tiles(
    codec: LosslessCodec, layout: Layout, cuts: np.ndarray, numbers: np.ndarray, sizes: np.ndarray
) -> tuple[list[Code], np.ndarray, np.ndarray, np.ndarray]:
    """Codes of a batch of tiles [B, side, side, 3] with these numbers in their pictures.

    sizes: int [B, 2], height and width of what is picture in each; the latents of the rest cost nothing.
    Returns (per layer, codes with leading axis B; outputs; KL in nats [B]; whether it overflows [B]).
    """
    package, exact = codec.package, ExactNet()
    model, params = package.lossless_model, package.float_params
    depth = 8 * cuts.dtype.itemsize
    coder, codes, run = layout.coder, [], codec.programs or Program.__call__
    kl_nats, overflow = np.zeros(len(cuts)), np.zeros(len(cuts), bool)

    def draw(layer, prior, hidden):
        i = int(layer.number)
        call, keys = layout.calls[i], layer_keys(numbers, i)
        loc, scale = (x.reshape(len(cuts), -1) for x in prior_integers(*prior, np))
        code, kl, over = search_layer(model, layout, layer, hidden, loc, scale, keys, sizes, run)
        codes.append(code)
        kl_nats[:] += kl
        overflow[:] |= over
        units = coder.units(keys, code, call.n_dims, call.shares, np)
        return as_latents(coder.place(code, loc, scale, units, np), prior[0], np), None

    with search_jax(), one_blas_thread():
        contexts = jax.device_get(run(infer, model, params, cuts.astype(np.float32), depth))
        inputs = [model.group_params(params, g) for g in range(len(model.groups))]
        outputs, _ = model.top_down(exact, package.exact_params, draw, len(cuts), cuts.shape[1:3], contexts, inputs)
    return codes, outputs.astype(np.int32), kl_nats, overflow


@functools.partial(Program, static_argnums=(0, 3))
def infer(model: TopDownModel, params: Any, values: jax.Array, depth: int) -> list[Any]:
    """The model's bottom-up pass over pixel values [B, side, side, 3] of a depth."""
    return model.infer(_NET, params, scale_pixels(values, depth))


def search_layer(
    model: TopDownModel, layout: Layout, layer: Layer, hidden, loc, scale, keys, sizes, run=Program.__call__
):
    """(code, KL in nats [B], whether it overflows [B]) of one layer of a batch, on the host.

    layer, hidden: as a draw of the exact walk sees them; layer.inputs are its float parameters.
    loc, scale: of its prior, in integers [B, D].  run: calls a Program.
    """
    call, seen = layout.calls[int(layer.number)], as_floats(hidden, FRACTION_BITS)
    prior = DiagGaussian(as_floats(loc, FRACTION_BITS), as_floats(scale, SCALE_BITS))
    return jax.device_get(
        run(
            _search_layer, model, layout.coder, layer.inputs, layer.context, seen, prior, keys, sizes,
            layout.side // call.shape[0], call.shares,
        )
    )  # fmt: skip


@functools.partial(Program, static_argnums=(0, 1, 8))
def _search_layer(
    model: TopDownModel,
    coder: LayerCoder,
    params,
    context,
    hidden,
    prior: DiagGaussian,
    keys,
    sizes,
    stride: int,
    shares,
):
    """(code, KL in nats [B], whether it overflows [B]) of one layer of a batch; prior [B, D], hidden [B, h, w, C]."""
    q = gaussian(*model.posterior(_NET, params, hidden, context))
    p = jax.tree.map(lambda x: x.reshape(q.loc.shape), prior)
    q = _prior_outside(q, p, sizes, stride)
    rows = (jax.tree.map(lambda x: x.reshape(x.shape[0], -1), g) for g in (q, p))
    code, info = coder.encode_batch(keys, *rows, shares)
    return code, info.kl_nats, info.overflow


def _prior_outside(q: DiagGaussian, p: DiagGaussian, sizes: jax.Array, stride: int) -> DiagGaussian:
    """q [B, h, w, c], but p where a latent lies more than one place beyond the picture's edge.

    Such latents tell of padding, so they are drawn from the prior, for no nats; the decoder need not know. One place is
    left because a latent tells of the pixels beside it too.
    """
    near = [jnp.arange(n) * stride < sizes[:, i, None] + stride for i, n in enumerate(q.loc.shape[1:3])]
    inside = (near[0][:, :, None] & near[1][:, None, :])[..., None]
    return jax.tree.map(lambda q, p: jnp.where(inside, q, p), q, p)


def _encode_split(codec: LosslessCodec, images, split: int, progress: Progress | None):
    """(position, Encoded) of every image whose tiles all fit the coder with blocks 2^split times smaller."""
    colour = [np.repeat(im[..., None], 3, axis=2) if im.ndim == 2 else im for im in images]
    failed: set[int] = set()
    total = sum(sum(1 for _ in tiles(*im.shape[:2], codec.tile_side(im))) for im in images)
    jobs = (
        _Job(i, number, tile, codec.tile_side(image))
        for i, image in enumerate(colour)
        for number, tile in enumerate(tiles(*image.shape[:2], codec.tile_side(image)))
        if i not in failed
    )
    found = _counted(_in_batches(jobs, lambda batch, size: _search(codec, split, colour, batch, size)), total, progress)
    for i, own in itertools.groupby(found, key=lambda pair: pair[0].image):
        try:
            yield i, _write(codec, images[i], colour[i], own, split)
        except _Overflow:
            failed.add(i)  # and its other tiles need no search


def _search(codec: LosslessCodec, split: int, colour, batch: Sequence[_Job], size: int) -> list[_Found]:
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


def _write(codec: LosslessCodec, image, colour, found: Iterable[tuple[_Job, _Found]], split: int) -> Encoded:
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


def _in_batches(jobs: Iterable[_Job], search: Callable) -> Iterator[tuple[_Job, _Found]]:
    """(job, its result) in order, of search(batch, size) over neighbouring jobs of one tile side.

    A few batches are searched at once, and few are ahead of what was taken, so that memory does not grow with the
    picture. The first batch of a kind goes alone: it compiles what the others use. All run on the caller's device.
    """
    n_workers = min(SEARCHES_AT_ONCE, n_processors())
    pool, waiting, compiled = ThreadPoolExecutor(n_workers), collections.deque(), set()
    device = jax.config.jax_default_device  # what jax.default_device sets is a thread's own

    def on_device(batch: list[_Job], size: int):
        with jax.default_device(device):
            return search(batch, size)

    try:
        for batch, size in _batches(jobs):
            found = pool.submit(on_device, batch, size)
            if (kind := (batch[0].side, size)) not in compiled:
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


def _batches(jobs: Iterable[_Job]) -> Iterator[tuple[list[_Job], int]]:
    """Neighbouring jobs of one tile side with the size that is compiled for as many; a few go one by one."""
    for _, same in itertools.groupby(jobs, key=lambda job: job.side):
        while batch := list(itertools.islice(same, BATCH_SIZE)):
            if len(batch) > MOST_ALONE:
                yield batch, BATCH_SIZE
            else:
                yield from (([job], 1) for job in batch)

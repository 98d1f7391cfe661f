"""The codec's two directions for a picture of one tile, stage by stage under a clock, of the functions it is made of.

inference: the network's bottom-up pass.  search_0, search_1, ...: the coder's search, layer by layer from the top.
samples: from indices to samples.  walk: the exact network, top down.  symbols: from codes to symbols, or back.
pixels: the pixels' integer tables.  entropy: the entropy coder, of latents and pixels.
"""

import jax
import numpy as np

from experiments.timing import Clock
from rec_jax.codec import container
from rec_jax.codec.latents import exact_walk, layer_keys, layer_units, read_codes, write_codes
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.codec.pixels import read_pixels, write_pixels
from rec_jax.codec.tile_search import infer, search_layer
from rec_jax.codec.tiles import Tile, cut_tile
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.scope import search_jax

Stages = dict[str, float]  # seconds
_N_COLOURS, _DEPTH = 3, 8
_FIRST = np.zeros(1, np.uint32)  # the number of the only tile


class _TimedStream:
    """A sink, or a source, whose calls count as `entropy`."""

    def __init__(self, stream, clock: Clock):
        self._stream, self._clock = stream, clock

    def write(self, values, table) -> None:
        with self._clock("entropy"):
            self._stream.write(values, table)

    def write_bits(self, bits, ones) -> None:
        with self._clock("entropy"):
            self._stream.write_bits(bits, ones)

    def read(self, table, n: int):
        with self._clock("entropy"):
            return self._stream.read(table, n)

    def read_bits(self, ones):
        with self._clock("entropy"):
            return self._stream.read_bits(ones)


def encode_in_stages(codec: LosslessCodec, image: np.ndarray) -> tuple[Stages, bytes]:
    """(seconds, the file's payload) of an image uint8 [H, W, 3] that one tile holds and the coder's blocks too."""
    clock, package, side, writer = Clock(), codec.package, codec.tile_side(image), SymbolWriter()
    sink, layout, size = _TimedStream(writer, clock), codec.layout(side), image.shape[:2]
    cut, sizes = cut_tile(image, Tile(0, 0, *size), side)[None], np.array([size], np.int32)
    codes, outputs = _search(clock, package, layout, cut, sizes)
    with clock("symbols"):
        write_codes(sink, layout.calls, [jax.tree.map(lambda x: x[0], code) for code in codes])
    with clock("pixels"):
        write_pixels(
            sink, package.model.likelihood, ExactNet(), package.exact_params["likelihood"], outputs,
            cut.astype(np.int32), _real(size, side), _N_COLOURS, _DEPTH,
        )  # fmt: skip
    with clock("entropy"):
        return clock.seconds, writer.getvalue()


def _search(clock: Clock, package, layout, cut: np.ndarray, sizes: np.ndarray) -> tuple[list, np.ndarray]:
    """tile_search.encode_tiles under a clock."""
    model, codes = package.model, []

    def draw(layer, prior, hidden):
        i = int(layer.number)
        call, keys = layout.calls[i], layer_keys(_FIRST, i)
        loc, scale = (x.reshape(1, -1) for x in prior_integers(*prior, np))
        with clock(f"search_{i}"):
            code, _, _ = search_layer(model, layout, layer, hidden, loc, scale, keys, sizes)
        codes.append(code)
        with clock("samples"):
            units = layout.coder.units(keys, code, call.n_dims, call.shares, np)
        return as_latents(layout.coder.place(code, loc, scale, units, np), prior[0], np), None

    with search_jax():
        with clock("inference"):
            contexts = infer(model, package.float_params, cut.astype(np.float32), _DEPTH)
            contexts = [tuple(np.asarray(x) for x in context) for context in contexts]
        inputs = [model.group_params(package.float_params, g) for g in range(len(model.groups))]
        with clock("walk"):
            outputs, _ = model.top_down(ExactNet(), package.exact_params, draw, 1, cut.shape[1:3], contexts, inputs)
    return codes, outputs


def decode_in_stages(codec: LosslessCodec, blob: bytes) -> tuple[Stages, np.ndarray]:
    """(seconds, the pixels) of such an image's file."""
    clock, package = Clock(), codec.package
    header, payload = container.unpack(blob)
    side = codec.tile_side(np.empty(header.shape, np.uint8))
    layout, source = codec.layout(side, header.method & 15), _TimedStream(SymbolReader(payload), clock)
    with clock("symbols"):
        codes = read_codes(source, layout.calls)
    with clock("samples"):
        layers, units = layer_units(layout.calls, _FIRST, [codes])
    with clock("walk"):
        coders = [call.coder for call in layout.calls]
        outputs = exact_walk(package.model, ExactNet(), package.exact_params, coders, layers, units, side)
    with clock("pixels"):
        pixels = read_pixels(
            source, package.model.likelihood, ExactNet(), package.exact_params["likelihood"], outputs,
            _real(header.shape, side), _N_COLOURS, _DEPTH,
        )  # fmt: skip
    return clock.seconds, pixels[0, : header.height, : header.width].astype(np.uint8)


def _real(size, side: int) -> np.ndarray:
    """Which pixels of the only tile are the picture's, bool [1, side, side]."""
    real = np.zeros((1, side, side), bool)
    real[:, : size[0], : size[1]] = True
    return real

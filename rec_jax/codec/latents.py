"""The latent part of a file: symbols to codes, codes to samples, and the exact walk from them to the pixels' network.

Everything here is integers, under numpy; an encoder's search (tile_search.py) walks the same walk, so its samples are
those of the decoder.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from rec_jax.codec.learned import Learned
from rec_jax.codec.tiles import SMALL
from rec_jax.coders import LayerCoder
from rec_jax.coders.base import Code
from rec_jax.coders.paths import follow_all
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.entropy.base import BitCounter, Sink, Source
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.threefry import Key, child, seed_key
from rec_jax.models.base import TopDownModel

SEED = 0  # of the candidates; part of the format
_CODER = 0  # the seed's child that all candidates come from


class LayerCalls(NamedTuple):
    """What coding one layer of tiles of one side needs to know."""

    coder: LayerCoder  # with what was learned of the layer
    shape: tuple[int, int, int]  # of the layer's latents in a tile
    shares: np.ndarray | None  # of the layer's dims

    @property
    def n_dims(self) -> int:
        return int(np.prod(self.shape))


class _Dims(NamedTuple):
    """A prior's shape: all that parsing a stream needs to know of it."""

    loc: np.ndarray


def layer_calls(model: TopDownModel, coder: LayerCoder, learned: Learned, side: int) -> list[LayerCalls]:
    """Per layer, top first, for tiles of side x side."""
    calls = []
    for group in model.groups:
        here, small = (n // group.stride for n in (side, _small_side(model)))
        for _ in range(group.n_layers):
            layer, shape = len(calls), (here, here, group.channels)
            taught = coder
            if learned.step_counts:
                n_dims = [n * n * group.channels for n in (here, small)]
                taught = coder.with_counts(learned.step_counts[layer], *n_dims)
            calls.append(LayerCalls(taught, shape, coder.shares_of(_layer(learned.shares, layer), shape)))
    return calls


def layer_keys(tiles: Sequence[int] | np.ndarray, layer: int) -> Key:
    """The words, uint32 [N] each, of the keys of one layer of these tiles of a picture."""
    numbers = np.asarray(tiles, np.uint32)
    key = child(seed_key(SEED), _CODER)
    root = Key(*(np.full(numbers.shape, word, np.uint32) for word in key))
    return child(child(root, numbers), np.full(numbers.shape, layer, np.uint32))


def write_codes(sink: Sink, calls: Sequence[LayerCalls], codes: Sequence[Code]) -> tuple[float, float]:
    """Appends the symbols of all layers of one tile; returns the bits of (indices, everything else)."""
    bits = [write_code(sink, call.coder, call.n_dims, code) for call, code in zip(calls, codes, strict=True)]
    index, side = zip(*bits, strict=True) if bits else ((), ())
    return sum(index), sum(side)


def write_code(sink: Sink, coder: LayerCoder, n_dims: int, code: Code) -> tuple[float, float]:
    """Appends the symbols of one call of n_dims; returns the bits of (its indices, everything else)."""
    index, side = BitCounter(), BitCounter()
    runs = list(zip(*coder.symbols(code, _dims_of(n_dims)), strict=True))
    for i, (values, table) in enumerate(runs):
        sink.write(values, table)
        (index if i == len(runs) - 1 else side).write(values, table)
    return index.bits, side.bits


def read_codes(source: Source, calls: Sequence[LayerCalls]) -> list[Code]:
    """The codes of all layers of one tile."""
    return [read_code(source, call.coder, call.n_dims) for call in calls]


def read_code(source: Source, coder: LayerCoder, n_dims: int) -> Code:
    """The code of one call of n_dims."""
    dims = _dims_of(n_dims)
    return coder.from_symbols(coder.read_symbols(source.read, dims), dims)


def stack_codes(codes: Sequence[Code]) -> Code:
    """Codes of several calls with a leading axis, as encode_batch gives them."""
    first = codes[0]
    if first is None or isinstance(first, np.ndarray | np.generic):
        return None if first is None else np.stack(codes)
    return type(first)(*(stack_codes(leaves) for leaves in zip(*codes, strict=True)))


def walk_outputs(
    model: TopDownModel,
    params: dict[str, Any],
    calls: Sequence[LayerCalls],
    tiles: Sequence[int],
    codes: Sequence[Sequence[Code]],
    side: int,
) -> np.ndarray:
    """What the network puts out at every pixel of tiles, [T, side, side, n_outputs] in units of 2^-16.

    tiles: their numbers in the picture.  codes: per tile, per layer.
    """
    layers, units = layer_units(calls, tiles, codes)
    with one_blas_thread():
        return exact_walk(model, ExactNet(), params, [call.coder for call in calls], layers, units, side)


def layer_units(calls: Sequence[LayerCalls], tiles: Sequence[int], codes) -> tuple[list[Code], list[np.ndarray]]:
    """Per layer, the codes of tiles as one stacked code, and its samples in the prior's coordinates."""
    layers = [stack_codes(layer) for layer in zip(*codes, strict=True)]
    coded = [(call, layer_keys(tiles, i), code) for i, (call, code) in enumerate(zip(calls, layers, strict=True))]
    paths = follow_all([call.coder.paths_of(keys, code, call.n_dims, np) for call, keys, code in coded])
    units = [
        call.coder.units(keys, code, call.n_dims, call.shares, np, path)
        for (call, keys, code), path in zip(coded, paths, strict=True)
    ]
    return layers, units


def exact_walk(model: TopDownModel, net: ExactNet, params, coders, layers: list[Code], units: list[Any], side: int):
    """The top-down walk with given samples, in the integers of a net; works under jax.jit where the net is jax's."""
    n_tiles = len(units[0]) if units else 1

    def draw(layer, prior, hidden):
        del hidden
        i = int(layer.number)
        loc, scale = (x.reshape(n_tiles, -1) for x in prior_integers(*prior, net.xp))
        z = coders[i].place(layers[i], loc, scale, units[i], net.xp)
        return as_latents(z, prior[0], net.xp), None

    outputs, _ = model.top_down(net, params, draw, n_tiles, (side, side))
    return outputs


def _dims_of(n_dims: int) -> _Dims:
    """What a coder's symbols look at of a prior."""
    return _Dims(np.broadcast_to(np.float32(0), (n_dims,)))


def _layer(shares: tuple[tuple[int, ...], ...], layer: int) -> tuple[int, ...]:
    return shares[layer] if shares else ()


def _small_side(model: TopDownModel) -> int:
    """Of the tiles that the step counts were learned on."""
    return -(-SMALL // model.stride) * model.stride


def groups_of(numbers: Iterator[Any], size: int) -> Iterator[list[Any]]:
    """Neighbours, up to `size` of them at a time."""
    group: list[Any] = []
    for number in numbers:
        group.append(number)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group

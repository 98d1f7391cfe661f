"""Every number that a decoder computes is the same in int64, the judge, in float64, and in float64 under jax.

int64 has no rounding but that of its shifts, so where the others agree with it, they rounded nothing away.
"""

import base64
import json
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_codec import tiny_codec

from rec_jax.codec import codec_of, container
from rec_jax.codec.latents import layer_keys, read_codes, stack_codes
from rec_jax.codec.lossless import Layout, LosslessCodec
from rec_jax.codec.pixel_laws import Laws
from rec_jax.entropy.queue import SymbolReader
from rec_jax.exact.mixture import IntegerMixtures, components, upper_half
from rec_jax.exact.network import OUTPUT_BITS, ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.scope import exact_jax
from rec_jax.exact.tables import tables
from rec_jax.models.exact_params import exact_params
from rec_jax.models.likelihoods.base import PixelParams

GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
FILES = ["tiny/colour", "tiny/grey 16", "cifar10-rvae/default", "photos-rvae/irec"]


class _File(NamedTuple):
    codec: LosslessCodec
    layout: Layout
    codes: list  # per layer, of one tile
    image: np.ndarray


@pytest.fixture(scope="module", params=FILES)
def file(request):
    blob = base64.b64decode(GOLDEN[request.param]["file"])
    header, payload = container.unpack(blob)
    codec = tiny_codec() if request.param.startswith("tiny") else codec_of(header)
    layout = codec.layout(codec.tile_side(np.zeros(header.shape)), header.method & 15)
    codes = read_codes(SymbolReader(payload), layout.calls)
    return _File(codec, layout, [stack_codes([code]) for code in codes], codec.decompress(blob))


def walk(file: _File, xp, dtype: str):
    """(outputs, per layer (loc, scale, z)) of the file's only tile, as int64."""
    package, side = file.codec.package, file.layout.side
    net = ExactNet(xp, dtype)
    params = exact_params(package.model, package.stored, xp, dtype)

    def run(params):
        seen = []

        def draw(layer, prior, hidden):
            del hidden
            i = int(layer.number)
            call, code = file.layout.calls[i], file.codes[i]
            units = call.coder.units(layer_keys([0], i), code, call.n_dims, call.shares, xp)
            loc, scale = (x.reshape(1, -1) for x in prior_integers(*prior, xp))
            z = as_latents(call.coder.place(code, loc, scale, units, xp), prior[0], xp)
            seen.append((loc, scale, z))
            return z, None

        outputs, _ = package.model.top_down(net, params, draw, 1, (side, side))
        return outputs, seen

    if xp is np:
        return jax.tree.map(lambda x: x.astype(np.int64), run(params))
    return jax.tree.map(lambda x: np.asarray(x).astype(np.int64), jax.jit(run)(params))


@pytest.fixture(scope="module")
def judged(file):
    return walk(file, np, "int64")


def assert_same(got, wanted):
    outputs, layers = wanted
    for i, (here, there) in enumerate(zip(got[1], layers, strict=True)):
        for name, a, b in zip(("loc", "scale", "z"), here, there, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=f"{name} of layer {i}")
    np.testing.assert_array_equal(got[0], outputs)
    assert len({int(z.ravel()[0]) for _, _, z in layers}) > 1 and np.std(outputs) > 0  # it is a walk at all


def test_float64_is_what_int64_judges(file, judged):
    assert_same(walk(file, np, "float64"), judged)


def test_jax_is_what_int64_judges(file, judged):
    with exact_jax():
        assert_same(walk(file, jnp, "float64"), judged)


def weights_by_integers(logits) -> np.ndarray:
    behind = (logits.max(-1, keepdims=True) - logits + 128) >> 8
    return tables().weight[np.minimum(behind, len(tables().weight) - 1)]


def masses_by_integers(logits, loc, log_scale, depth: int, values) -> np.ndarray:
    """U at `values` by the formula of exact/mixture.py, every step in int64."""
    t, weights = tables(), weights_by_integers(logits)
    inverse = t.inverse_scale[np.clip(((log_scale + 128) >> 8) + 8 * 256, 0, 14 * 256)]
    edges = (values << (OUTPUT_BITS - depth)) - (1 << (OUTPUT_BITS - 1))
    place = ((edges[:, None] - np.clip(loc, -(4 << 16), 4 << 16)) * inverse) >> 13
    place = np.clip(place + (16 << 19), 0, (32 << 19) - 1)
    cell, part = place >> 12, place & 4095
    cdf = t.logistic[cell] + (((t.logistic[cell + 1] - t.logistic[cell]) * part) >> 12)
    return (weights * cdf).sum(-1) + weights.sum(-1) * values


def colour_by_integers(rows: PixelParams, values, channel: int, depth: int):
    """(logits, loc, log_scale) [N, n] of one colour by docs/FORMAT.md."""
    x = (2 * values + 1 - (1 << depth)) << (OUTPUT_BITS - depth)
    moved = sum(rows.slopes[:, max(channel - 1, 0) + c] * x[:, c, None] for c in range(channel))
    return rows.logits[:, channel], rows.loc[:, channel] + ((moved + (1 << 16)) >> 17), rows.log_scale[:, channel]


def laws_in_floats(rows: PixelParams) -> Laws:
    logits, loc, log_scale, slopes = (np.moveaxis(x.astype(np.float64), 0, -1) for x in rows)  # [colours, n, N]
    return Laws([components(*both) for both in zip(logits, log_scale, strict=True)], loc, slopes, 0.0)


def test_the_masses_of_every_pixel_are_what_int64_judges(file, judged):
    """At each border of the bisection that ends at the pixel's value, in every colour."""
    image, depth = file.image, 8 * file.image.dtype.itemsize
    colour = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    height, width, _ = colour.shape
    package, net = file.codec.package, ExactNet(dtype="int64")
    params = exact_params(package.model, package.stored, dtype="int64")["likelihood"]
    (phase,) = package.model.likelihood.phases(height, width)
    outputs = judged[0][:, :height, :width]
    rows = package.model.likelihood.rows(net, params, outputs, None, phase)
    rows, values = PixelParams(*(x.reshape(-1, *x.shape[3:]) for x in rows)), colour.reshape(-1, 3).astype(np.int64)
    laws = laws_in_floats(rows)
    for channel in range(3 if image.ndim == 3 else 1):
        mixture = logits, loc, log_scale = colour_by_integers(rows, values, channel, depth)
        floats = laws.mixtures(values, channel, depth)
        with exact_jax():
            parts = components(jnp.asarray(logits.T), jnp.asarray(log_scale.T), jnp)
            device = IntegerMixtures(parts, jnp.asarray(loc.T), depth, jnp)
        last = np.zeros(len(values), np.int64), floats.total
        np.testing.assert_array_equal(floats.total, weights_by_integers(mixture[0]).sum(-1) * (2**24 + 2**depth))
        for bit in range(depth):
            middle = (values[:, channel] >> (depth - bit) << (depth - bit)) + (1 << (depth - 1 - bit))
            wanted = masses_by_integers(*mixture, depth, middle)
            np.testing.assert_array_equal(floats.below(middle), wanted)
            with exact_jax():
                np.testing.assert_array_equal(device.below(jnp.asarray(middle)), wanted)
            assert (last[0] < wanted).all() and (wanted < last[1]).all()  # every value keeps some mass
            ones = upper_half(last[0], wanted, last[1])
            borders = zip(last[0].tolist(), wanted.tolist(), last[1].tolist(), strict=True)
            np.testing.assert_array_equal(
                ones, [min(max((c - b << 24) // (c - a), 1), 2**24 - 1) for a, b, c in borders]
            )
            upper = middle <= values[:, channel]
            last = np.where(upper, wanted, last[0]), np.where(upper, last[1], wanted)

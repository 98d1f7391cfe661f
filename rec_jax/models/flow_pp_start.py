"""What a FlowPP starts from: maps near the identity between halves that a first batch normalises."""

from typing import Any

import numpy as np

from rec_jax.models.flow_maps import Affine, MixtureCoupling
from rec_jax.models.numpy_net import NumpyNet
from rec_jax.models.starting import as_float32, conv

_GATE = 0.1  # of what a block adds
_SAID = 0.05  # of what a network says of a map
_SPREAD, _LOG_SCALE = 1.0, -0.2  # of a mixture's logistics around 0, about the standard logistic together
_MOST_IMAGES = 16
_LEAST_SCALE = 1e-3
_E = 1  # the seed of the noise that the dequantiser's batch is


def start(model: Any, x: np.ndarray) -> dict[str, Any]:
    """Parameters of a flow_pp.FlowPP, from scaled pixels x [B, H, W, 3]; float32.

    The networks are noise. Then the flow itself is walked, and every half is normalised as it comes by.
    """
    rng = np.random.Generator(np.random.Philox(0))
    params = as_float32({"main": list(_main(rng, model)), "dequantiser": _dequantiser(rng, model)})
    pixels = np.floor(np.asarray(x[:_MOST_IMAGES], np.float32) * 256 + 128)
    e = np.random.Generator(np.random.Philox(_E)).normal(size=pixels.shape).astype(np.float32)
    net = NumpyNet()
    u = model.dequantise(net, params, _normalising, e, pixels)
    model.flow(net, params, _normalising, pixels + u)
    return params


def _normalising(elementwise: Any, x: np.ndarray) -> np.ndarray:
    """Applies a map, whose affine parameters are first set, in place, so that mean 0 and variance 1 come out of it."""
    match elementwise:
        case Affine(log_gain, shift) | MixtureCoupling(log_gain, shift):
            scale = np.maximum(x.std(axis=(0, 1, 2)), _LEAST_SCALE)
            log_gain[:] = -np.log(scale)
            shift[:] = -x.mean(axis=(0, 1, 2)) / scale
    return elementwise.forward(x, np)[0].astype(np.float32)


def _main(rng, model: Any):
    fine, squares, columns = model.couplings
    for i in range(fine + squares + columns):
        yield _coupling(rng, model, 3 if i < fine else 6 if i < fine + squares else 12)


def _dequantiser(rng, model: Any) -> dict[str, Any]:
    couplings = [_coupling(rng, model, 3, side=True) for _ in range(model.dequantiser)]
    return {"in": conv(rng, 3, 6, model.width), "block": _block(rng, model.width), "couplings": couplings}


def _coupling(rng, model: Any, channels: int, side: bool = False) -> dict[str, Any]:
    """channels: of each half."""
    k, width = model.components, model.width
    said = np.zeros((channels, 2 + 3 * k))
    said[:, 2 + k : 2 + 2 * k] = np.linspace(-_SPREAD, _SPREAD, k) if k > 1 else 0.0
    said[:, 2 + 2 * k :] = _LOG_SCALE
    out = conv(rng, 3, width, said.size, _SAID) | {"b": said.ravel()}
    return {
        "first": _no_change(channels),
        "second": _no_change(channels),
        "in": conv(rng, 3, channels, width),
        "blocks": [_block(rng, width, side) for _ in range(model.blocks)],
        "out": out,
    }


def _block(rng, width: int, side: bool = False) -> dict[str, Any]:
    made = {"first": conv(rng, 3, 2 * width, width), "second": conv(rng, 1, 2 * width, 2 * width, _GATE)}
    return made | ({"side": conv(rng, 1, width, width)} if side else {})


def _no_change(channels: int) -> dict[str, np.ndarray]:
    return {"log_gain": np.zeros(channels), "shift": np.zeros(channels)}

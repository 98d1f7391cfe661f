"""What an IDF starts from: linear predictions, by least squares over 3x3 windows of a first batch.

Each coupling takes from the channels it moves what the others predict of them, and each law stands at the prediction of
what leaves from what stays, as wide as its errors. The networks are noise of a size that ReLUs keep; gates are 0.
"""

import math
from typing import Any

import numpy as np

from rec_jax.models.channel_order import channel_order
from rec_jax.models.shuffle import space_to_depth
from rec_jax.models.starting import as_float32, conv

TOP_COMPONENTS = 5  # logistics of z
LINEAR_BITS = 3  # a prediction's weights are kept 2^3 times as large
_MOST_ROWS = 20_000
_RIDGE = 1e-4  # of the mean square of what predicts
_LEAST_SPREAD = 2.0**-9  # half a bin
_LOGISTIC = math.sqrt(3.0) / math.pi  # a logistic's scale, of its standard deviation
_PLAIN = math.sqrt(0.5)  # the gain of a convolution without a ReLU, which keeps its input's size


def start(model: Any, x: np.ndarray) -> dict[str, Any]:
    """Parameters of an idf.IDF, from scaled pixels x [B, H, W, 3]; float32."""
    rng = np.random.Generator(np.random.Philox(0))
    h, levels = np.asarray(x, np.float64), []
    for level in range(model.levels):
        h, steps = space_to_depth(h, 2), []
        for step in range(model.steps):
            h, own = _coupling(rng, model, h, channel_order(level, step, h.shape[-1]))
            steps.append(own)
        levels.append({"steps": steps})
        if level < model.levels - 1:
            h, leaves = np.split(h, 2, axis=-1)
            levels[-1]["prior"] = _law(rng, model, h, leaves)
    return as_float32({"levels": levels, "likelihood": _top_law(h)})


def _coupling(rng, model: Any, h: np.ndarray, order: tuple[int, ...]) -> tuple[np.ndarray, dict[str, Any]]:
    """(what leaves it, not rounded, its parameters)."""
    n_kept = len(order) - len(order) // 4
    a, b = h[..., order[:n_kept]], h[..., order[n_kept:]]
    weights, bias, errors = _prediction(a, b)
    h = np.concatenate([a, errors], axis=-1)[..., np.argsort(order)]
    return h, {
        "linear": _linear(-weights, -bias),
        "net": _dense(rng, model, n_kept, b.shape[-1], _PLAIN),
        "gate": np.zeros(1),
    }


def _dense(rng, model: Any, n_in: int, n_out: int, gain: float) -> dict[str, Any]:
    layers, n, left = [], n_in, model.growth
    for i in range(model.depth):
        grows = left // (model.depth - i)
        layers.append({"in": conv(rng, 1, n, n), "out": conv(rng, 3, n, grows)})
        n, left = n + grows, left - grows
    return {"layers": layers, "last": conv(rng, 3, n, n_out, gain)}


def _law(rng, model: Any, kept: np.ndarray, leaves: np.ndarray) -> dict[str, Any]:
    """A law's parameters; its network puts out logits, locs and log scales, each channel by channel."""
    n, k = kept.shape[-1], model.n_components
    net = _dense(rng, model, n, 3 * n * k, 0.0)
    weights, bias, errors = _prediction(kept, leaves)
    spread = np.maximum(errors.std((0, 1, 2)), _LEAST_SPREAD)
    unlike = np.linspace(-0.7, 0.7, k)  # each other, so that they part
    net["last"]["b"].reshape(3, n, k)[2] = np.log(spread * _LOGISTIC)[:, None] + unlike  # a view
    return {"linear": _linear(weights, bias), "net": net}


def _linear(weights: np.ndarray, bias: np.ndarray) -> dict[str, np.ndarray]:
    return {"w": weights * 2**LINEAR_BITS, "b": bias * 2**LINEAR_BITS}


def _prediction(kept: np.ndarray, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Least squares: (weights [3, 3, C, O], bias [O], the errors)."""
    height, width, n = kept.shape[1:]
    padded = np.pad(kept, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
    rows = np.concatenate([*windows, np.ones((*kept.shape[:3], 1))], axis=-1).reshape(-1, 9 * n + 1)
    wanted = leaves.reshape(len(rows), -1)
    some = slice(None, None, -(-len(rows) // _MOST_ROWS))
    square = rows[some].T @ rows[some]
    ridge = (_RIDGE * np.mean(np.diag(square)) + 1e-9) * np.eye(len(square))
    found = np.linalg.solve(square + ridge, rows[some].T @ wanted[some])
    return found[:-1].reshape(3, 3, n, -1), found[-1], (wanted - rows @ found).reshape(leaves.shape)


def _top_law(z: np.ndarray) -> dict[str, np.ndarray]:
    """Components [C, n] side by side over what z is."""
    mean = z.mean((0, 1, 2))[:, None]
    spread = np.maximum(z.std((0, 1, 2)), _LEAST_SPREAD)[:, None]
    places = np.linspace(-1.4, 1.4, TOP_COMPONENTS)
    narrow = np.log(0.5 * spread * _LOGISTIC) + np.zeros(TOP_COMPONENTS)
    return {"logits": np.zeros_like(narrow), "loc": mean + spread * places, "log_scale": narrow}

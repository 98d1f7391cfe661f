"""What a Hyperprior starts from: principal components, level by level, and noise elsewhere.

The features of every level of g_a begin with the strongest components of the squares of features below, y with those
of the last level, and g_s puts them together again; so a new model is a transform coder with a fixed scale per channel,
and all else is residual, starts near zero and learns from there.
"""

import itertools
import math
from typing import Any

import numpy as np

from rec_jax.models.rd_vae_start import OUTPUT_BITS
from rec_jax.models.shuffle import space_to_depth
from rec_jax.models.starting import as_float32, block, conv

N_LOGISTICS = 3  # of the law of a hyper-latent's channel
_MOST_SQUARES = 20_000
_PLAIN = math.sqrt(0.5)  # the gain of convolutions without a ReLU, which keeps their size
_HYPER_LOG_STEP = 1.1  # of hyper-latents, at quality 0; at 100 it is 0
_LAWS = 0.05  # of what h_s says of scales and means


def start(model: Any, x: np.ndarray) -> dict[str, Any]:
    """Parameters of a hyperprior.Hyperprior, from scaled pixels x [B, H, W, 3]; float32."""
    rng = np.random.Generator(np.random.Philox(0))
    params: dict[str, Any] = {}
    params["analysis"], y, bases = _analysis(rng, model, x)
    params |= _synthesis(rng, model, x.mean((0, 1, 2)), bases)
    spreads = np.maximum(y.std((0, 1, 2)), 1e-3)
    params |= _hyper(rng, model, spreads) | _steps(model, spreads)
    params["hyper_law"] = {
        name: {"knots": rows} for name, rows in _hyper_law(model.knots, model.hyper_channels).items()
    }
    return as_float32(params)


def _hyper_law(n_knots: int, n_channels: int) -> dict[str, np.ndarray]:
    """Of numbers of about unit variance, which cost little where all costs little."""
    log_step = np.linspace(_HYPER_LOG_STEP, 0.0, n_knots)[:, None]
    spread = np.tile(np.linspace(-0.7, 0.7, N_LOGISTICS) - 0.6, n_channels)  # a logistic's scale is 0.55 deviations
    none = np.zeros((n_knots, n_channels * N_LOGISTICS))
    steps = np.tile(log_step, (1, n_channels))
    return {"logits": none, "loc": none, "log_scale": spread - log_step, "log_step": steps}


def _analysis(rng, model: Any, x: np.ndarray) -> tuple[dict[str, Any], np.ndarray, list[np.ndarray]]:
    """(g_a's parameters, y of x, the components of every level)."""
    mean = x.mean((0, 1, 2))
    levels, bases, h, stride = [], [], x - mean, 1
    for level in model.levels:
        h = space_to_depth(h, level.stride // stride)
        basis = components(h, level.width)
        n = basis.shape[1]
        into = conv(rng, 1, h.shape[-1], level.width)
        into["w"][0, 0, :, :n] = basis
        if stride == 1:
            into["b"][:n] = -np.tile(mean, level.stride**2) @ basis
        levels.append({"in": into} | _blocks(rng, model, level.width, level.down))
        h = np.concatenate([h @ basis, np.zeros((*h.shape[:-1], level.width - n))], axis=-1)
        bases.append(basis)
        stride = level.stride
    return (
        {"levels": levels, "out": _same(model.levels[-1].width, model.channels)},
        h[..., : model.channels],
        bases,
    )


def _synthesis(rng, model: Any, mean: np.ndarray, bases: list[np.ndarray]) -> dict[str, Any]:
    finest = model.levels[0]
    levels = []
    for level, above in itertools.zip_longest(model.levels, bases[1:]):
        into = _same(model.channels, level.width)
        if above is not None:
            into = conv(rng, 1, model.levels[len(levels) + 1].width, len(above))
            into["w"][0, 0, : above.shape[1]] = above.T
        levels.append({"in": into} | _blocks(rng, model, level.width, level.up))
    output, n = conv(rng, 3, finest.width, len(bases[0]), 0.0), bases[0].shape[1]
    output["w"][1, 1, :n] += bases[0].T * 2**OUTPUT_BITS
    output["b"] += np.tile(mean, finest.stride**2) * 2**OUTPUT_BITS
    return {"synthesis": levels, "output": output}


def _hyper(rng, model: Any, spreads: np.ndarray) -> dict[str, Any]:
    """h_a, h_s and what it ends in."""
    levels, before, stride = model.hyper_levels, model.channels, model.hyper_levels[0].stride
    down, up = [], []
    for level, above in itertools.zip_longest(levels, levels[1:]):
        into = conv(rng, 1, before * (level.stride // stride) ** 2, level.width, _PLAIN)
        if not down:
            into["w"] /= spreads[:, None]
        down.append({"in": into} | _blocks(rng, model, level.width, level.down))
        width = above.width if above else model.hyper_channels
        into = conv(rng, 1, width, level.width * (above.stride // level.stride if above else 1) ** 2, _PLAIN)
        up.append({"in": into} | _blocks(rng, model, level.width, level.up))
        before, stride = level.width, level.stride
    laws = conv(rng, 1, levels[0].width, model.channels * (2 if model.means else 1), _LAWS)
    if model.means:
        laws["w"][..., model.channels :] *= spreads
    out = conv(rng, 1, before, model.hyper_channels, _PLAIN)
    return {"hyper_analysis": {"levels": down, "out": out}, "hyper_synthesis": up, "laws": laws}


def _steps(model: Any, spreads: np.ndarray) -> dict[str, Any]:
    """Steps of the least rate and distortion, -log2(step) + lambda 255^2 step^2 / 36 per component; scales in them."""
    log_lambdas = np.linspace(*np.log(model.lambdas), model.knots)
    log_step = 0.5 * (math.log(18.0 / (math.log(2.0) * 255.0**2)) - log_lambdas)
    steps = np.tile(log_step[:, None], (1, model.channels))
    return {"log_step": {"knots": steps}, "log_scale": {"knots": np.log(spreads) - steps}}


def _blocks(rng, model: Any, width: int, n: int) -> dict[str, Any]:
    """Without any, nothing: a model file keeps no empty list."""
    return {"blocks": [block(rng, width, model.knots, 0.0) for _ in range(n)]} if n else {}


def _same(n_in: int, n_out: int) -> dict[str, Any]:
    """A convolution that passes on as many channels as both sides have; the others are zeros."""
    return {"w": np.eye(n_in, n_out)[None, None], "b": np.zeros(n_out)}


def components(x: np.ndarray, n: int) -> np.ndarray:
    """Orthonormal components [C, min(n, C)] of features x [B, H, W, C] around 0, strongest first."""
    rows = x.reshape(-1, x.shape[-1])
    rows = rows[:: -(-len(rows) // _MOST_SQUARES)]
    _, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    return vectors[:, ::-1][:, :n]

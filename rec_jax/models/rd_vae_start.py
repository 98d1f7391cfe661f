"""What an RDVAE starts from: at the finest level the principal components of the pictures' squares, elsewhere noise.

So it is a transform coder from the first step: the latents of the finest level are the strongest components of a
square of stride x stride pixels, their prior has the components' own scales, and the last convolution puts the squares
together again. All else is residual, starts near zero and learns from there.
"""

import math
from typing import Any

import numpy as np

from rec_jax.models.shuffle import space_to_depth

_GAIN = 8.0  # of components to latents: pixels are on +-1/2, activations better near 1
_MOST_SQUARES = 20_000


def start(model: Any, x: np.ndarray) -> dict[str, Any]:
    """Parameters of an rd_vae.RDVAE, from scaled pixels x [B, H, W, 3]; float32."""
    rng = np.random.Generator(np.random.Philox(0))
    finest, n = model.levels[0], model.knots
    n_components = finest.layers * finest.channels
    basis, deviations = _components(x, finest.stride, n_components)
    log_lambdas = np.linspace(*np.log(model.lambdas), n)
    # least of -log2(rho) + lambda 255^2 rho^2 / 3, a component's share of the loss
    noise = np.log(_GAIN) + 0.5 * (math.log(3.0 / (2.0 * math.log(2.0) * 255.0**2)) - log_lambdas)

    params: dict[str, Any] = {"top": np.zeros(model.levels[-1].width), "down_sample": [], "up": [], "layers": []}
    before = 3
    for i, level in enumerate(model.levels):
        factor = level.stride // (model.levels[i - 1].stride if i else 1)
        w = level.width
        down = _conv(rng, 1, before * factor**2, w)
        if i == 0:
            down["w"] *= 2.0  # pixels are small
            down["w"][0, 0, :, :n_components] = _GAIN * basis
        params["down_sample"].append(down)
        look = [_look(rng, level, i, j) for j in range(level.layers)]
        params["up"].append({"blocks": [_block(rng, w, n) for _ in range(level.blocks)], "look": _stack(look)})
        layers = []
        for j in range(level.layers):
            c = level.channels
            own = deviations[j * c : (j + 1) * c] * _GAIN if i == 0 else np.ones(c)
            layers.append(_layer(rng, level, n, np.log(np.maximum(own, 1e-2)), noise if i == 0 else np.full(n, -0.35)))
            if i == 0:
                layers[-1]["merge"]["w"][0, 0, w:, j * c : (j + 1) * c] += np.eye(c)
        params["layers"].append(_stack(layers))
        before = w
    params["up_sample"] = [
        _conv(rng, 1, b.width, a.width * (b.stride // a.stride) ** 2, 0.5)
        for a, b in zip(model.levels, model.levels[1:], strict=False)
    ]
    params["tail"] = _block(rng, finest.width, n)
    output = _conv(rng, 3, finest.width, 3 * finest.stride**2, 0.02)
    output["w"][1, 1, :n_components] += basis.T / _GAIN
    output["b"] += np.tile(x.mean((0, 1, 2)), finest.stride**2)
    params["down_sample"][0]["b"][:n_components] = -_GAIN * output["b"] @ basis
    params["output"] = output
    return _float32(params)


def _components(x: np.ndarray, stride: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(orthonormal components [stride stride 3, n], strongest first, standard deviations along them [n])."""
    squares = space_to_depth(x, stride).reshape(-1, 3 * stride**2)
    squares = squares[:: -(-len(squares) // _MOST_SQUARES)] - np.tile(x.mean((0, 1, 2)), stride**2)
    values, vectors = np.linalg.eigh(squares.T @ squares / len(squares))
    return vectors[:, ::-1][:, :n], np.sqrt(np.maximum(values[::-1][:n], 1e-12))


def _look(rng, level, i: int, j: int) -> dict[str, Any]:
    own = {
        "hidden": _conv(rng, 3, level.width, level.width // 2),
        "loc": _conv(rng, 1, level.width, level.channels, 0.05),
    }
    if i == 0:
        own["loc"]["w"][:] = 0.0
        own["loc"]["w"][0, 0, j * level.channels : (j + 1) * level.channels] = np.eye(level.channels)
    return own


def _layer(rng, level, n: int, prior_scale: np.ndarray, noise: np.ndarray) -> dict[str, Any]:
    w, c = level.width, level.channels
    return {
        "front": _conv(rng, 3, w, w),
        "front_at": _affine(n, w),
        "prior": _conv(rng, 1, w, 2 * c, 0.05),
        "prior_scale": {"knots": np.tile(prior_scale, (n, 1))},
        "merge": _conv(rng, 1, w + c, w, 0.1),
        "posterior": {
            "hidden": _conv(rng, 1, w, w // 2, 0.5),
            "at": _affine(n, w // 2),
            "head": _conv(rng, 1, w // 2, 2 * c, 0.05),
            "scale": {"knots": np.minimum(np.tile(noise[:, None], (1, c)), prior_scale - 0.05)},
        },
    }


def _block(rng, width: int, n: int) -> dict[str, Any]:
    return {"first": _conv(rng, 3, width, width), "at": _affine(n, width), "second": _conv(rng, 3, width, width, 0.1)}


def _affine(n: int, width: int) -> dict[str, Any]:
    return {"knots": np.concatenate([np.ones((n, width)), np.zeros((n, width))], axis=1)}


def _conv(rng, size: int, n_in: int, n_out: int, gain: float = 1.0) -> dict[str, Any]:
    spread = gain * math.sqrt(2.0 / (size * size * n_in))
    return {"w": spread * rng.normal(size=(size, size, n_in, n_out)), "b": np.zeros(n_out)}


def _stack(layers: list) -> Any:
    if isinstance(layers[0], dict):
        return {name: _stack([layer[name] for layer in layers]) for name in layers[0]}
    return np.stack(layers)


def _float32(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _float32(child) for name, child in node.items()}
    return [_float32(child) for child in node] if isinstance(node, list) else np.asarray(node, np.float32)

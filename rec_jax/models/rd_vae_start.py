"""What an RDVAE starts from: a pyramid of principal components, and noise elsewhere.

At the finest level the latents are the strongest components of a square of stride x stride pixels, and the last
convolution puts the squares together again. At every coarser level the first latents are means of the first ones of the
level below, whose priors they predict. So a new model is a transform coder with a hierarchical prior, which a network
that starts from noise finds late or never; all else is residual, starts near zero and learns from there.
"""

import math
from typing import Any

import numpy as np

from rec_jax.models.shuffle import space_to_depth
from rec_jax.models.starting import SMALL, affine, as_float32, block, conv

OUTPUT_BITS = 3  # the network puts pixels out in units of 1/8, so that a step of its weights is a small one of theirs
_GAIN = 2.0  # of components to latents: pixels are on +-1/2, activations better near 1
_MOST_CARRIED = 16  # components that coarser levels have means of
_MOST_SQUARES = 20_000


def start(model: Any, x: np.ndarray) -> dict[str, Any]:
    """Parameters of an rd_vae.RDVAE, from scaled pixels x [B, H, W, 3]; float32."""
    rng = np.random.Generator(np.random.Philox(0))
    finest = model.levels[0]
    n_components = finest.layers * finest.channels
    basis, mean = _components(x, finest.stride, n_components)
    spreads = _spreads(model, (space_to_depth(x, finest.stride) - mean) @ basis * _GAIN)

    params: dict[str, Any] = {"top": np.zeros(model.levels[-1].width), "down_sample": [], "up": [], "layers": []}
    for i, level in enumerate(model.levels):
        params["down_sample"].append(_down(rng, model, i))
        look = [_look(rng, model, i, j) for j in range(level.layers)]
        blocks = [block(rng, level.width, model.knots) for _ in range(level.blocks)]
        params["up"].append({"look": _stack(look)} | ({"blocks": blocks} if blocks else {}))
        params["layers"].append(_stack([_layer(rng, model, i, j, spreads[i]) for j in range(level.layers)]))
    params["up_sample"] = [_up(rng, model, i) for i in range(1, len(model.levels))]
    params["tail"] = block(rng, finest.width, model.knots)
    output = conv(rng, 3, finest.width, 3 * finest.stride**2, 0.02)
    output["w"][1, 1, :n_components] += basis.T / _GAIN * 2**OUTPUT_BITS
    output["b"] += mean * 2**OUTPUT_BITS
    params["output"] = output
    params["down_sample"][0]["w"][0, 0, :, :n_components] = _GAIN * basis
    params["down_sample"][0]["b"][:n_components] = -_GAIN * mean @ basis
    return as_float32(params)


def _components(x: np.ndarray, stride: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """(orthonormal components [stride stride 3, n] of squares, strongest first; what is subtracted before)."""
    mean = np.tile(x.mean((0, 1, 2)), stride**2)
    squares = space_to_depth(x, stride).reshape(-1, 3 * stride**2)
    squares = squares[:: -(-len(squares) // _MOST_SQUARES)] - mean
    _, vectors = np.linalg.eigh(squares.T @ squares / len(squares))
    return vectors[:, ::-1][:, :n], mean


def _own(model: Any, i: int) -> int:
    """How many features of a level are components, or means of them, that its latents carry."""
    level = model.levels[i]
    return level.layers * level.channels if i == 0 else min(_carried(model, i - 1), level.channels)


def _carried(model: Any, i: int) -> int:
    """How many of them the next level has means of, and predicts in the features that follow; 0 at the top."""
    if i + 1 == len(model.levels):
        return 0
    here, above = model.levels[i], model.levels[i + 1]
    room = (here.width - _own(model, i), here.width // 2, above.channels, above.width // 2)
    return max(0, min(_MOST_CARRIED, here.channels, _own(model, i), *room))


def _spreads(model: Any, components: np.ndarray) -> list[np.ndarray]:
    """Per level, the standard deviations of its own components around what the next level predicts."""
    spreads, here = [], components
    for i, level in enumerate(model.levels):
        n, left = _carried(model, i), here.copy()
        if n:
            factor = model.levels[i + 1].stride // level.stride
            batch, height, width, c = here.shape
            squares = here.reshape(batch, height // factor, factor, width // factor, factor, c)
            means = squares.mean((2, 4))
            left[..., :n] -= np.repeat(np.repeat(means, factor, axis=1), factor, axis=2)[..., :n]
            here = means[..., :n]
        spreads.append(np.maximum(left.std((0, 1, 2)), 0.02))
    return spreads


def _down(rng, model: Any, i: int) -> dict[str, Any]:
    level, before = model.levels[i], model.levels[i - 1].width if i else 3
    n_squares = (level.stride // (model.levels[i - 1].stride if i else 1)) ** 2
    down, n = conv(rng, 1, before * n_squares, level.width), _own(model, i)
    if i:
        means = down["w"].reshape(n_squares, before, level.width)
        means[:, :, :n] = 0.0
        means[:, np.arange(n), np.arange(n)] = 1.0 / n_squares
    return down


def _up(rng, model: Any, i: int) -> dict[str, Any]:
    """From level i to the finer one."""
    level, below = model.levels[i], model.levels[i - 1]
    factor, n, at = level.stride // below.stride, _own(model, i), _own(model, i - 1)
    up = conv(rng, 1, level.width, below.width * factor**2, 0.5)
    to = up["w"].reshape(level.width, factor**2, below.width)
    to[:, :, : at + n] *= SMALL
    to[np.arange(n), :, at + np.arange(n)] = 1.0
    return up


def _look(rng, model: Any, i: int, j: int) -> dict[str, Any]:
    level, w = model.levels[i], model.levels[i].width
    own = {"hidden": conv(rng, 1, w, w // 2), "loc": conv(rng, 1, w, level.channels, 0.05)}
    n, first = _own_in_layer(model, i, j)
    own["loc"]["w"][..., :n] = 0.0
    own["loc"]["w"][0, 0, first + np.arange(n), np.arange(n)] = 1.0
    return own


def _own_in_layer(model: Any, i: int, j: int) -> tuple[int, int]:
    """(how many latents of the level's layer j are own components, which of them is the first)."""
    c = model.levels[i].channels
    return (c, j * c) if i == 0 else (_own(model, i) if j == 0 else 0, 0)


def _layer(rng, model: Any, i: int, j: int, spread: np.ndarray) -> dict[str, Any]:
    level, knots = model.levels[i], model.knots
    w, c = level.width, level.channels
    n, first = _own_in_layer(model, i, j)
    # least of -log2(rho) + lambda 255^2 rho^2 / 3, a component's share of the loss
    log_lambdas = np.linspace(*np.log(model.lambdas), knots)
    noise = np.log(_GAIN) + 0.5 * (math.log(3.0 / (2.0 * math.log(2.0) * 255.0**2)) - log_lambdas)
    prior_scale, posterior_scale = np.zeros((knots, c)), np.full((knots, c), -0.35)
    prior_scale[:, :n] = np.log(spread[first : first + n])
    posterior_scale[:, :n] = np.minimum(noise[:, None], prior_scale[:, :n] - 0.05)
    own = {
        "front": conv(rng, 3, w, w),
        "front_at": affine(knots, w),
        "prior": conv(rng, 1, w, 2 * c, 0.05),
        "prior_scale": {"knots": prior_scale},
        "merge": conv(rng, 1, w + c, w, SMALL),
        "posterior": {
            "hidden": conv(rng, 1, w, w // 2, 0.5),
            "at": affine(knots, w // 2),
            "head": conv(rng, 1, w // 2, 2 * c, 0.05),
            "scale": {"knots": posterior_scale},
        },
    }
    own["merge"]["w"][0, 0, w + np.arange(n), first + np.arange(n)] += 1.0
    if j == 0:
        _predict(own, _own(model, i), min(_carried(model, i), n))
    return own


def _predict(own: dict[str, Any], at: int, n: int) -> None:
    """The locs of the first n latents become the features from `at` on, as differences of their positive parts."""
    k = np.arange(n)
    own["front"]["w"][..., : 2 * n] = 0.0
    own["front"]["w"][1, 1, at + k, 2 * k], own["front"]["w"][1, 1, at + k, 2 * k + 1] = 1.0, -1.0
    own["prior"]["w"][0, 0, 2 * k, k], own["prior"]["w"][0, 0, 2 * k + 1, k] = 1.0, -1.0


def _stack(layers: list) -> Any:
    if isinstance(layers[0], dict):
        return {name: _stack([layer[name] for layer in layers]) for name in layers[0]}
    return np.stack(layers)

"""What the networks of `Phases` start from and the coordinates in which they are learned.

Neighbouring pixels are nearly equal, so a window's principal components differ in variance by a factor of 10^6, and
gradient descent learns along the largest first. Both the start and the updates therefore work in coordinates in which
the windows of an ideal picture are white. That picture has covariance

    cov(x_c(p), x_d(q)) = 1/16 rho^|p - q| kappa^|c - d|,   plus noise of 2 grey levels,

close enough to natural ones: the condition number falls from 10^6 to about 50 (CIFAR10, levels 0 and 1). Each base is
the least-squares prediction on a first batch, and stays.
"""

import math
from functools import lru_cache
from typing import Any

import numpy as np

from rec_jax.models.likelihoods.phases_grid import KINDS, known_planes, spans, whole_phase

_RHO, _KAPPA, _NOISE = 0.95, 0.92, 2.0 / 256
_MOST_WINDOWS = 40_000
_RIDGE = 1e-4


def start(phases: Any, x: Any, xp: Any) -> dict[str, Any]:
    """Parameters of `phases` (a phases.Phases), fitted to scaled pixels x [B, H, W, 3]; float32 arrays of xp.

    Where x is too small for a level, the base there predicts the pixel at 00. Of one pixel nothing is drawn, and the
    other weights are zeros: opening a model asks for no more than their shapes.
    """
    n = phases.n_components
    rng = np.random.Generator(np.random.Philox(0)) if max(x.shape[1:3]) > 1 else None
    coarsest = {
        "logits": np.zeros((3, n)),
        "loc": np.tile(np.linspace(-0.3, 0.3, n), (3, 1)),
        "log_scale": np.full((3, n), -2.5),
        "slopes": np.tile([[1.0], [0.0], [1.0]], (1, n)),
    }
    if phases.n_features:
        coarsest["features"] = _conv(rng, 1, phases.n_features, 12 * n, 0.05)
    sets = {
        str(i): {KINDS[kind]: _network(phases, rng, i, kind, x, xp) for kind in (1, 2, 3)}
        for i in range(len(phases.widths))
    }
    return _arrays({"coarsest": coarsest, "sets": sets}, xp)


def with_border(params: dict[str, Any]) -> dict[str, Any]:
    """The parameters of a model by phases that was not told of the picture's border, as of one that is: zeros."""

    def add(network):
        size, _, _, width = network["first"]["w"].shape
        return network | {"border": _arrays(_conv(None, size, 1, width), np)}

    likelihood = params["likelihood"]
    sets = {i: {kind: add(network) for kind, network in kinds.items()} for i, kinds in likelihood["sets"].items()}
    return params | {"likelihood": likelihood | {"sets": sets}}


def _network(phases, rng, level: int, kind: int, x, xp) -> dict[str, Any]:
    n, size, width, inner = phases.n_components, phases.window, phases.widths[level], phases.spatial[level]
    shape = (size, size, 3 * kind)
    first = _conv(rng, size, 3 * kind, width)
    if whole_phase(level, kind, *x.shape[1:3]).of(x).size:
        patches, targets = windows(x, level, kind, size, xp)
        weights, offset, spread = least_squares(patches, targets, xp)
        whitening = whitener(kind, level, size)
        white = whitening @ rng.normal(size=(len(whitening), width)) * math.sqrt(2.0 / len(whitening))
        first = {"w": white.reshape(*shape, width), "b": -xp.mean(patches, axis=0) @ white.astype(np.float32)}
        log_scale = xp.log(xp.maximum(spread, 1.0 / 256) * (math.sqrt(3.0) / math.pi))[:, None]
    else:
        weights, offset, log_scale = np.eye(math.prod(shape), 3, -3 * kind * (size * size // 2)), np.zeros(3), -3.5
    network = {"base": {"w": weights.reshape(*shape, 3), "b": offset}, "first": first}
    if phases.n_features:
        network["features"] = _conv(rng, 1, phases.n_features, width)
    if phases.border:
        network["border"] = _conv(rng, size, 1, width, 0.0)
    if inner:
        network["in"] = _conv(rng, 1, width, inner)
        network["mix"] = _conv(rng, 3, inner, inner)
        network["out"] = _conv(rng, 1, inner, width, 0.3)
    for i in range(phases.n_pointwise):
        network[f"up{i}"] = _conv(rng, 1, width, width)
        network[f"down{i}"] = _conv(rng, 1, width, width, 0.3)
    network["last"] = _conv(rng, 1, width, 12 * n, 0.05)
    log_scales = log_scale + (np.linspace(-1.2, 1.2, n) if n > 1 else np.zeros(1))
    slopes = np.repeat([[1.0], [0.0], [1.0]], n, axis=1)  # green follows red, and blue green
    zeros = np.zeros((3, n))
    network["last"]["b"] = xp.stack([zeros, zeros, xp.broadcast_to(log_scales, (3, n)), slopes]).reshape(-1)
    return network


def windows(x: Any, level: int, kind: int, size: int, xp: Any) -> tuple[Any, Any]:
    """(windows [N, size size 3 kind], pixels [N, 3]) of a phase of x [B, H, W, 3]; some of them, if they are many."""
    phase = whole_phase(level, kind, *x.shape[1:3])
    planes = xp.concatenate(known_planes(x, phase, spans(x, phase, 0), xp), axis=-1)
    padded = xp.pad(planes, ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0)), mode="edge")
    target = phase.of(x)
    height, width = target.shape[1:3]
    taps = [padded[:, i : i + height, j : j + width] for i, j in np.ndindex(size, size)]
    patches = xp.concatenate(taps, axis=-1).reshape(-1, size * size * planes.shape[-1])
    every = -(-len(patches) // _MOST_WINDOWS)
    return patches[::every], target.reshape(-1, 3)[::every]


def least_squares(patches: Any, targets: Any, xp: Any) -> tuple[Any, Any, Any]:
    """(weights [D, 3], offset [3], standard deviation of what is left [3]) of targets [N, 3] from patches [N, D]."""
    centre, aim = xp.mean(patches, axis=0), xp.mean(targets, axis=0)
    a, t = patches - centre, targets - aim
    gram = a.T @ a
    ridge = _RIDGE * xp.trace(gram) / len(gram) + 1e-6
    weights = xp.linalg.solve(gram + ridge * xp.eye(len(gram), dtype=gram.dtype), a.T @ t)
    return weights, aim - centre @ weights, xp.std(t - a @ weights, axis=0)


def change_coordinates(tree: dict[str, Any], to_gradient: bool) -> dict[str, Any]:
    """Where a first layer is w = W v, W from `whitener`: a gradient of w as that of v, W^T g, or an update of v as that
    of w, W u. Bases get zeros.
    """
    sets = {
        level: {kind: _change(network, int(level), KINDS.index(kind), to_gradient) for kind, network in kinds.items()}
        for level, kinds in tree["sets"].items()
    }
    return tree | {"sets": sets}


def _change(network: dict[str, Any], level: int, kind: int, to_gradient: bool) -> dict[str, Any]:
    w = network["first"]["w"]
    matrix = whitener(kind, level, w.shape[0])
    changed = (matrix.T if to_gradient else matrix) @ w.reshape(-1, w.shape[-1])
    frozen = {name: 0.0 * leaf for name, leaf in network["base"].items()}
    return network | {"first": network["first"] | {"w": changed.reshape(w.shape)}, "base": frozen}


@lru_cache
def whitener(kind: int, level: int, size: int) -> np.ndarray:
    """Matrix [D, D] that makes the windows of the ideal picture white, but for what its noise hides."""
    offsets = [divmod(int(KINDS[k]), 10) for k in range(kind)]
    at = [(2 * i + row, 2 * j + column) for i, j in np.ndindex(size, size) for row, column in offsets]
    at = np.array(at, float) * 2**level
    distance = np.linalg.norm(at[:, None] - at[None], axis=-1)
    colours = _KAPPA ** np.abs(np.subtract.outer(range(3), range(3)))
    values, vectors = np.linalg.eigh(np.kron(_RHO**distance, colours) / 16)
    return (vectors / np.sqrt(np.maximum(values, 0.0) + _NOISE**2)).astype(np.float32)


def _conv(rng, size: int, n_in: int, n_out: int, gain: float = 1.0) -> dict[str, Any]:
    shape, spread = (size, size, n_in, n_out), gain * math.sqrt(2.0 / (size * size * n_in))
    return {"w": spread * rng.normal(size=shape) if rng else np.zeros(shape), "b": np.zeros(n_out)}


def _arrays(node: Any, xp: Any) -> Any:
    if isinstance(node, dict):
        return {name: _arrays(child, xp) for name, child in node.items()}
    return xp.asarray(node, np.float32)

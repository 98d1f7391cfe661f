"""A model's parameters as a file holds them: integers where a decoder computes with them, floats elsewhere.

Stored: a tree in which a decoder's convolution is {"w": int16, "bits": int8, "b": int32} (exact/quantise.py), an
encoder's {"w", "b"} in floats, and every other array of a decoder int32, in units of 2^-12 (activations) or 2^-16 (the
likelihood's). Importing this imports no jax.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from rec_jax.core.errors import CorruptFile
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.network import OUTPUT_BITS
from rec_jax.exact.quantise import check_conv, float_conv, prepared, quantise_conv, quantise_vector
from rec_jax.models.base import AnyModel, StartingModel
from rec_jax.models.shapes import param_shapes

_EPSILON = 1e-6  # of a weight norm, models/weight_norm.py


def quantise_params(model: AnyModel, params: dict[str, Any]) -> dict[str, Any]:
    """The stored tree of trained parameters; ConfigError for weights that no integers hold."""

    def leaf(path: tuple[str, ...], node: Any) -> Any:
        if not isinstance(node, dict):
            return quantise_vector(node, _vector_bits(path))
        w, b = normalised_weights({name: np.asarray(x, np.float64) for name, x in node.items()})
        if _encoder_only(model, path):
            return {"w": w.astype(np.float32), "b": b.astype(np.float32)}
        return quantise_conv(w, b)

    return _map(leaf, params)


def float_params(stored: dict[str, Any]) -> dict[str, Any]:
    """The stored tree for models.float_net: the very numbers that the integers stand for, float32."""

    def leaf(path: tuple[str, ...], node: Any) -> Any:
        if not isinstance(node, dict):
            return (node * 2.0 ** -_vector_bits(path)).astype(np.float32)
        if "bits" in node:
            return float_conv(node)
        return {name: np.asarray(x, np.float32) for name, x in node.items()}

    return _map(leaf, stored)


def trainable_params(model: AnyModel, stored: dict[str, Any]) -> dict[str, Any]:
    """`float_params`, a lossless network's convolutions with weight norms, for training that goes on from a file."""

    def leaf(path: tuple[str, ...], node: Any) -> Any:
        if not isinstance(node, dict) or path[0] == "likelihood":
            return node
        norm = np.sqrt((node["w"] ** 2).sum(axis=(-4, -3, -2)))
        return {"v": node["w"], "g": norm + np.float32(_EPSILON), "b": node["b"]}

    params = float_params(stored)
    return params if isinstance(model, StartingModel) else _map(leaf, params)


def exact_params(model: AnyModel, stored: dict[str, Any], xp: Any = np, dtype: str = "float64") -> dict[str, Any]:
    """What a decoder computes with, as arrays for exact.network.ExactNet; the encoder's parameters are left out."""
    return prepared(_without(stored, model.encoder_only), xp, dtype)


def check_stored(model: AnyModel, stored: dict[str, Any], name: str) -> None:
    """CorruptFile if a tree read from the model file `name` is not what the model needs, or could leave the exact."""
    _check(model, param_shapes(model), stored, (), name)


def normalised_weights(params: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(w, b) of a convolution's parameters, {"v", "g", "b"} or {"w", "b"}."""
    if "w" in params:
        return params["w"], params["b"]
    norm = np.sqrt((params["v"] ** 2).sum(axis=(-4, -3, -2))) + _EPSILON
    return params["v"] * (params["g"] / norm)[..., None, None, None, :], params["b"]


def _vector_bits(path: tuple[str, ...]) -> int:
    return OUTPUT_BITS if path[0] == "likelihood" else FRACTION_BITS


def _encoder_only(model: AnyModel, path: tuple[str, ...]) -> bool:
    return not set(path).isdisjoint(model.encoder_only)


def _without(node: Any, names: tuple[str, ...]) -> Any:
    if isinstance(node, dict):
        return {name: _without(child, names) for name, child in node.items() if name not in names}
    return [_without(child, names) for child in node] if isinstance(node, list) else node


def _map(leaf: Callable[[tuple[str, ...], Any], Any], node: Any, path: tuple[str, ...] = ()) -> Any:
    """leaf of every convolution (a dict with "b") and of every other array."""
    if isinstance(node, dict) and "b" not in node:
        return {name: _map(leaf, child, (*path, name)) for name, child in node.items()}
    if isinstance(node, list):
        return [_map(leaf, child, (*path, str(i))) for i, child in enumerate(node)]
    return leaf(path, node)


def _check(model: AnyModel, wanted: Any, stored: Any, path: tuple[str, ...], name: str) -> None:
    where = f"{name}: {'/'.join(path) or 'its arrays'}"
    match wanted:
        case ("conv", (*_, _, _, _, _) as shape):
            _check_conv(stored, tuple(shape), _encoder_only(model, path), where)
        case dict() | list():
            items = wanted.items() if isinstance(wanted, dict) else enumerate(wanted)
            if type(stored) is not type(wanted) or len(stored) != len(wanted):
                raise CorruptFile(f"{where} are not those that its config describes; export the model again")
            for key, child in items:
                if isinstance(stored, dict) and key not in stored:
                    raise CorruptFile(f"{where} lack {key}, which its config describes; export the model again")
                _check(model, child, stored[key], (*path, str(key)), name)
        case _:
            if not (isinstance(stored, np.ndarray) and stored.dtype == np.int32 and stored.shape == wanted):
                raise CorruptFile(f"{where} should be int32 {list(wanted)}; export the model again")
            if np.abs(stored.astype(np.int64)).max(initial=0) >= 256 << _vector_bits(path):
                raise CorruptFile(f"{where} is beyond +-256; export the model again")


def _check_conv(stored: Any, shape: tuple[int, ...], encoder_only: bool, where: str) -> None:
    *layers, _, _, _, n_out = shape
    wanted = {"w": (shape, np.float32 if encoder_only else np.int16), "b": ((*layers, n_out), None)}
    wanted["b"] = ((*layers, n_out), np.float32 if encoder_only else np.int32)
    if not encoder_only:
        wanted["bits"] = ((*layers, n_out), np.int8)
    fits = isinstance(stored, dict) and set(stored) == set(wanted)
    if not fits or any(stored[k].shape != s or stored[k].dtype != t for k, (s, t) in wanted.items()):
        raise CorruptFile(f"{where} is not the convolution {list(shape)} of its config; export the model again")
    if not encoder_only:
        check_conv(stored, where)

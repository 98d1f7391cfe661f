"""Model files: parameters and the config that rebuilds the model, in one safetensors file.

Arrays are named by their path in the parameter tree, joined by '/', items of lists by their position: integers where
a decoder computes with them, floats elsewhere (models/exact_params.py). The metadata holds one JSON entry with the
config. The same parameters and config give the same bytes, and the first 16 bits of their SHA-256 are the model id
that `.rec` files carry.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from rec_jax.core.config_values import with_tuples
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile, RecError, UnsupportedVersion, WrongModel
from rec_jax.core.files import check_writable, read_bytes, write_bytes_atomic

_ENTRY = "rec_jax"  # the only metadata entry: several would be written in any order
_FORMAT_VERSION = 2
_MAX_BYTES = 2**32
_TYPES = (np.float16, np.float32, np.int8, np.int16, np.int32)
_MAX_DEPTH = 16  # of names
_WEIGHTS = pathlib.Path(__file__).resolve().parent.parent / "weights"
_FORMER_NAMES = {  # of models that ship under another name now, so that commands of then go on
    "cifar10-small": "cifar10-rvae",
    "photos-small": "photos-rvae",
    "tiny-imagenet32-small": "tiny-imagenet32-rvae",
}


@dataclasses.dataclass(frozen=True)
class ModelFile:
    """What a model file holds."""

    params: dict[str, Any]  # nested dicts and lists of arrays: integers, and float32
    config: dict[str, Any]  # plain values, lists as tuples
    model_id: int  # 16 bits of the file's SHA-256


def write_model_file(path: os.PathLike | str, stored: dict, config: Mapping[str, Any], dtype="float32") -> int:
    """Write a model file, whole or not at all, and return its model id.

    stored: nested dict of arrays, float or int8, int16, int32; string keys without '/'; a list comes back as a list.
    config: plain values (numbers, strings, None, tuples; lists come back as tuples), nested at will.
    dtype: of the floats, 'float32', or 'float16' for half their size; then read_model_file returns the rounded values,
      and those are the model: evaluate what was read back.

    Raises ConfigError for another dtype, a tree that is not as above and values that are not finite or too
    large for dtype; OSError if the file cannot be written.
    """
    if dtype not in ("float32", "float16"):
        raise ConfigError(f"dtype={dtype!r} is not for model files; have float32, float16")
    arrays = {name: _stored(name, array, dtype) for name, array in _flatten(stored).items()}
    try:
        text = json.dumps({"format": _FORMAT_VERSION, "config": config})
    except TypeError as error:
        raise ConfigError(f"the config holds what a model file cannot keep ({error}); use plain values") from None
    data = safetensors.numpy.save(arrays, metadata={_ENTRY: text})
    write_bytes_atomic(path, data)
    return _model_id(data)


def read_model_file(path: str | os.PathLike) -> ModelFile:
    """Read a model file. Raises MissingFile, CorruptFile (truncated, foreign) or UnsupportedVersion."""
    data = read_bytes(path, _MAX_BYTES)
    try:
        arrays = safetensors.numpy.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    except (safetensors.SafetensorError, ValueError, KeyError, RecursionError):
        raise CorruptFile(f"{path}: not a model file, or truncated; export the model again") from None
    entry = _read_entry(path, header.get("__metadata__", {}).get(_ENTRY))
    for name, array in arrays.items():
        if array.dtype not in _TYPES or name.count("/") >= _MAX_DEPTH:
            have = ", ".join(np.dtype(t).name for t in _TYPES)
            raise CorruptFile(f"{path}: array {name[:80]} is {array.dtype}; a model file has {have}, {_MAX_DEPTH} deep")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise CorruptFile(f"{path}: array {name[:80]} is not finite; export the model again")
    return ModelFile(_unflatten(path, arrays), with_tuples(entry["config"]), _model_id(data))


def check_model_output(path: str | os.PathLike) -> None:
    """Refuses a path that write_model_file cannot write, or where it would replace what is no model file.

    Raises RecError, and OSError for what the system refuses.
    """
    if not os.fspath(path).endswith(".safetensors"):
        raise RecError(f"{path}: a model file is written; give a name that ends in .safetensors")
    check_writable(path)
    if os.path.exists(path):
        try:
            read_model_file(path)
        except UnsupportedVersion:  # a model file all the same
            return
        except CorruptFile:
            raise RecError(f"{path} exists and is no model file; name another one to write, or remove it") from None


def read_model_id(path: str | os.PathLike) -> int:
    """The model id of a file, from its bytes alone. Raises MissingFile or CorruptFile (not a file)."""
    return _model_id(read_bytes(path, _MAX_BYTES))


def shipped_model_paths(folder: pathlib.Path = _WEIGHTS) -> dict[str, pathlib.Path]:
    """Name to path of the models inside the package, in the order of their names."""
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def find_model_path(name_or_path: str, folder: pathlib.Path = _WEIGHTS) -> pathlib.Path:
    """The file of a shipped model's name, today's or a former one, or of a path.

    Raises MissingFile with the names that exist.
    """
    shipped = shipped_model_paths(folder)
    name = _FORMER_NAMES.get(name_or_path, name_or_path)
    if name in shipped:
        return shipped[name]
    if os.path.isfile(name_or_path):
        return pathlib.Path(name_or_path)
    names = ", ".join(shipped) or "none"
    raise MissingFile(f"no model {name_or_path!r}: neither a file nor a shipped model (those are: {names})")


def find_model_name(model_id: int, folder: pathlib.Path = _WEIGHTS) -> str:
    """The shipped model with this id. Raises WrongModel if there is none: a file of another model."""
    shipped = shipped_model_paths(folder)
    for name, path in shipped.items():
        if read_model_id(path) == model_id:
            return name
    names = ", ".join(shipped) or "none"
    raise WrongModel(f"no shipped model ({names}) has the file's id {model_id:04x}; give it with --model PATH")


def _model_id(data: bytes) -> int:
    return int.from_bytes(hashlib.sha256(data).digest()[:2], "big")


def _stored(name: str, array: Any, dtype: str) -> np.ndarray:
    """A contiguous array in the type of the file, or ConfigError if it does not survive that."""
    array = np.asarray(array)
    if array.dtype in _TYPES[2:]:
        return np.ascontiguousarray(array).reshape(array.shape)
    if array.dtype.kind not in "fV":  # V: bfloat16, which numpy does not count as a float
        raise ConfigError(f"parameter {name} is {array.dtype}; a model file keeps floats, int8, int16, int32")
    with np.errstate(over="ignore"):
        stored = array.astype(np.float32).astype(dtype)
    if not np.isfinite(stored).all():
        raise ConfigError(f"parameter {name} is not finite in {dtype}; write float32, or check the training")
    return np.ascontiguousarray(stored).reshape(array.shape)


def _flatten(params: dict, prefix: str = "") -> dict[str, Any]:
    """{'a': {'b': x}, 'c': [y]} to {'a/b': x, 'c/[0]': y}, sorted by name."""
    flat = {}
    for key, value in sorted(params.items()):
        if isinstance(value, list | tuple):
            value = {f"[{i}]": item for i, item in enumerate(value)}
        if not isinstance(key, str) or not key or "/" in key:
            raise ConfigError(f"parameter key {prefix}{key!r}: a model file needs strings without '/'")
        if not isinstance(value, dict):
            flat[prefix + key] = value
        elif value:
            flat |= _flatten(value, f"{prefix}{key}/")
        else:
            raise ConfigError(f"parameter group {prefix}{key} is empty; a model file cannot keep it")
    return flat


def _unflatten(path: str | os.PathLike, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The inverse of _flatten, floats as float32."""
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *groups, leaf = name.split("/")
        node = tree
        for group in groups:
            node = node.setdefault(group, {}) if isinstance(node, dict) else node
        if not isinstance(node, dict) or leaf in node:
            raise CorruptFile(f"{path}: array {name} is inside another array; export the model again")
        node[leaf] = array.astype(np.float32) if array.dtype.kind == "f" else array
    return {name: _with_lists(node) for name, node in tree.items()}


def _with_lists(node: Any) -> Any:
    """Groups named [0], [1], ... back to lists."""
    if not isinstance(node, dict):
        return node
    items = {name: _with_lists(item) for name, item in node.items()}
    numbers = [f"[{i}]" for i in range(len(items))]
    return [items[n] for n in numbers] if set(items) == set(numbers) else items


def _read_entry(path: str | os.PathLike, text: str | None) -> dict[str, Any]:
    """The JSON entry of the metadata, checked."""
    if text is None:
        raise CorruptFile(f"{path}: safetensors, but no rec_jax model; make one with launch.py --mode=export")
    try:
        entry = json.loads(text)
        version, config = entry["format"], entry["config"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise CorruptFile(f"{path}: the config inside is damaged; export the model again") from None
    if version != _FORMAT_VERSION:  # version 1 held the floats of a decoder that was not exact
        raise UnsupportedVersion(f"{path}: model file version {version!r}; this program reads {_FORMAT_VERSION}")
    if not isinstance(config, dict):
        raise CorruptFile(f"{path}: the config inside is damaged; export the model again")
    return entry

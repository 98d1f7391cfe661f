"""Checksums of what a checkpoint holds: a flipped bit in an array is a valid array."""

import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rec_jax.core.errors import CorruptFile

_KEY = "sha256"


def with_digests(position: dict[str, Any], items: dict[str, Any]) -> dict[str, Any]:
    """`position` with the digests of all items ({name: tree of arrays}) and of itself."""
    digests = {name: tree_digest(tree) for name, tree in items.items()}
    return {**position, _KEY: digests | {"position": _text_digest(position)}}


def check_digests(position: dict[str, Any], items: dict[str, Any]) -> None:
    """Raises CorruptFile naming the item that is not what was saved; a checkpoint without digests passes."""
    if not isinstance(position, dict):
        raise CorruptFile("its position is none")
    if (digests := position.get(_KEY)) is None:
        return
    rest = {name: value for name, value in position.items() if name != _KEY}
    found = {name: tree_digest(tree) for name, tree in items.items()} | {"position": _text_digest(rest)}
    for name, digest in found.items():
        if not isinstance(digests, dict) or digests.get(name) != digest:
            raise CorruptFile(f"its {name} does not have its checksum")


def tree_digest(tree: Any) -> str:
    """SHA-256 of the names, types, shapes and bytes of a tree of arrays, replicated ones of any devices."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        array = np.asarray(leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf)
        digest.update(f"{jax.tree_util.keystr(path)} {array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _text_digest(position: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(position, sort_keys=True).encode()).hexdigest()


def file_digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file under a folder, by its path in it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def check_files(folder: Path, wanted: dict[str, str]) -> None:
    """CorruptFile naming a file of the folder that is missing or not what was written."""
    found = file_digests(folder)
    for name, digest in wanted.items():
        if found.get(name) != digest:
            raise CorruptFile(f"{name} is {'damaged' if name in found else 'missing'}")

"""A data set's features.json names Python classes; only those of TFDS itself are loaded."""

import json
import pathlib
import re
from typing import Any

import tensorflow_datasets as tfds

from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import read_bytes

_OURS = re.compile(r"tensorflow_datasets\.core\.features\.\w+\.\w+")
_MAX_BYTES = 64 << 20  # ImageNet's, with all its labels, has a few kB


def open_builder(folder: pathlib.Path) -> tfds.core.DatasetBuilder:
    """tfds.builder_from_directory, which imports whatever module features.json names, of a file that names none.

    Raises CorruptFile naming what it wants, and whatever TFDS raises on damaged files.
    """
    path = folder / "features.json"
    if path.is_file():
        for name in _class_names(_parsed(path)):
            if not _OURS.fullmatch(name):
                raise CorruptFile(f"{path} wants the class {name[:80]!r}, which is none of TFDS's own features")
    return tfds.builder_from_directory(folder)


def _parsed(path: pathlib.Path) -> Any:
    try:
        return json.loads(read_bytes(path, _MAX_BYTES))
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        raise CorruptFile(f"{path} is damaged ({reason}); delete the data set and prepare it again") from error


def _class_names(value: Any):
    """Every dotted name under a key that says which class to load, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, item in value.items():
                if key in ("pythonClassName", "python_class_name", "type") and isinstance(item, str) and "." in item:
                    yield item
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value

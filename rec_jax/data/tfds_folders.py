"""Where TFDS keeps a prepared data set, and what to tell somebody whose data set is not there."""

import difflib
import os
import pathlib

import tensorflow_datasets as tfds

from rec_jax.core import errors
from rec_jax.core.paths import expand_home

PREPARABLE = ("cifar10", "downsampled_imagenet", "kodak", "folder")  # what python -m rec_jax.data.prepare makes


def resolve_data_dir(data_dir: str) -> pathlib.Path:
    """Returns the TFDS root: `data_dir`, else the environment's TFDS_DATA_DIR, else ~/tensorflow_datasets."""
    return expand_home(data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")


def find_version_folder(name: str, data_dir: str) -> pathlib.Path:
    """Returns the folder root/NAME[/CONFIG]/VERSION of a prepared data set, the newest version unless named.

    Raises MissingFile saying what is there, or what to run.
    """
    root = resolve_data_dir(data_dir)
    if not name:
        raise errors.ConfigError(f"data.name is empty; name a TFDS data set ({root} holds {_listed(root)})")
    path, _, version = name.partition(":")
    prepared = _version_folders(root / path) if _is_relative(path) else {}
    if version:
        prepared = {key: folder for key, folder in prepared.items() if folder.name == version}
    if not prepared:
        raise errors.MissingFile(_missing_message(name, path, root))
    return prepared[max(prepared)]


def cache_folders(version_folder: pathlib.Path, name: str) -> list[pathlib.Path]:
    """Returns where decoded images may be kept: beside the data set, else in the user's cache."""
    root = version_folder.parents[len(pathlib.PurePosixPath(name).parts)]
    try:
        user_cache = [expand_home(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "rec_jax"]
    except errors.ConfigError:  # no home: no cache there
        user_cache = []
    return [root / ".rec_jax_cache", *user_cache]


def _is_relative(path: str) -> bool:
    return bool(path) and not pathlib.PurePath(path).is_absolute() and ".." not in pathlib.PurePath(path).parts


def _version_folders(folder: pathlib.Path) -> dict[tuple[int, ...], pathlib.Path]:
    """Returns {(major, minor, patch): folder} of the complete versions in a data set's folder."""
    found = {}
    for info in folder.glob("*/dataset_info.json"):
        parts = info.parent.name.split(".")
        if len(parts) == 3 and all(part.isdigit() for part in parts):
            found[tuple(int(part) for part in parts)] = info.parent
    return found


def prepared_names(root: pathlib.Path) -> list[str]:
    """Returns the names, with their configs, of the data sets in a TFDS root."""
    infos = [*root.glob("*/*/dataset_info.json"), *root.glob("*/*/*/dataset_info.json")]
    names = {info.parent.parent.relative_to(root).as_posix() for info in infos if _version_folders(info.parent.parent)}
    return sorted(name for name in names if not name.startswith("."))


def _listed(root: pathlib.Path) -> str:
    return ", ".join(prepared_names(root)) or "no data set"


def _missing_message(name: str, path: str, root: pathlib.Path) -> str:
    there = prepared_names(root)
    base = path.partition("/")[0]
    start = f"no data set {name!r} in {root} ({f'it holds {_listed(root)}' if root.is_dir() else 'no such folder'})"
    if base in PREPARABLE and base != "folder":
        return f"{start}; run: python -m rec_jax.data.prepare {base} --data_dir={root}"
    known = tfds.list_builders(with_community_datasets=False)
    if base in known:
        return (
            f"{start}; prepare it with TFDS (this one needs TensorFlow): tfds build {path} --file_format=array_record"
        )
    close = difflib.get_close_matches(path, dict.fromkeys([*there, *PREPARABLE[:3], *known]), n=2)
    if close:
        return f"{start}; did you mean {' or '.join(close)}?"
    return (
        f"{start}; set data.data_dir or TFDS_DATA_DIR, or make it: python -m rec_jax.data.prepare folder --name={base}"
    )

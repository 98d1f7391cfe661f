"""Measured rows: what one depends on, where it came from, and a file of them with one writer that resumes.

A number is only as good as what it is a number of. `row_id` names a row by everything that it depends on, so that rows
of other code, weights, images, options or libraries are never taken for it; `open_rows` keeps them as JSON Lines.
"""

import ast
import contextlib
import datetime
import functools
import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Collection, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import jax
import numpy as np

from rec_jax.core.json_rows import read_rows
from rec_jax.core.locks import lock_file

PACKAGE = Path(__file__).resolve().parents[1]
LIBRARIES = ("jax", "jaxlib", "numpy", "constriction")  # whose arithmetic decides the bits of a file
NO_BITS = (
    "cli",
    "pillow.py",
    "version.py",
    "data",
    "train",
)  # decide none; images and weights do by content


def row_id(key: Mapping[str, Any]) -> str:
    """12 hex digits of a key of plain values, which says everything that a row depends on.

    Raises TypeError for what JSON does not hold: a number has to be spelled, not named by its repr.
    """
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def program_key(without: Collection[str] = NO_BITS) -> dict[str, str]:
    """What the rows of anything that runs rec_jax depend on besides its input: code, libraries, kind of device."""
    return {"code": code_digest(tuple(sorted(without))), **_versions(), "device": jax.devices()[0].device_kind}


@functools.cache
def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in LIBRARIES}


@functools.cache
def code_digest(without: tuple[str, ...] = NO_BITS) -> str:
    """files_digest of all of rec_jax but the rooms, or files at its top, that are named."""
    paths = sorted(PACKAGE.rglob("*.py"))
    return files_digest(*(path for path in paths if path.relative_to(PACKAGE).parts[0] not in without))


def files_digest(*paths: str | Path) -> str:
    """16 hex digits of the syntax trees of source files, without comments and docstrings."""
    digest = hashlib.sha256()
    for path in map(Path, paths):
        digest.update(f"{path.parent.name}/{path.name}".encode())
        digest.update(source_digest(path.read_text(encoding="utf-8")))
    return digest.hexdigest()[:16]


def source_digest(source: str) -> bytes:
    """SHA-256 of what a source does, whatever its comments, docstrings and layout say."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return hashlib.sha256(ast.dump(tree).encode()).digest()


def arrays_digest(arrays: Iterable[np.ndarray]) -> str:
    """16 hex digits of the shapes, types and values of arrays: the images of a source, the leaves of parameters."""
    digest = hashlib.sha256()
    for array in map(np.asarray, arrays):
        digest.update(f"{array.dtype.str}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def make_stamp(**fields: Any) -> Callable[[], dict[str, Any]]:
    """What every row says of its origin besides `fields`; called when a row is measured.

    git, device, python and LIBRARIES; date (UTC); peak_memory_bytes, the most that this process has held by then.
    """
    run = {**_versions(), "git": git_hash(), "device": _device(), "python": platform.python_version(), **fields}
    return lambda: {**run, "date": _now(), "peak_memory_bytes": peak_memory_bytes()}


@functools.cache
def git_hash() -> str:
    """The commit of the program, with '-dirty' if files differ from it; 'unknown' outside a clone of it."""
    root = PACKAGE.parent
    words = ["git", "describe", "--always", "--dirty", "--abbrev=10", "--exclude=*"]
    if not (root / ".git").exists():  # git would look further up, and find the repository of something else
        return "unknown"
    try:
        done = subprocess.run(words, cwd=root, capture_output=True, text=True)
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"


def peak_memory_bytes() -> int:
    """The most memory that this process has held at once (maximum resident set size), jax and programs included."""
    import resource  # which Windows lacks

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, Linux KiB


def _device() -> str:
    kind = jax.devices()[0].device_kind
    return f"{os.cpu_count()} x {_processor()}" if jax.default_backend() == "cpu" else kind


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    names = (line.partition(": ")[2] for line in lines if line.startswith("model name"))
    return next(names, platform.machine())


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")


class RowLog:
    """The rows of an open file; what is appended is on its way to the disk when append returns."""

    def __init__(self, file: BinaryIO, rows: list[dict[str, Any]]):
        self.rows = rows
        self._file = file

    def append(self, *rows: Mapping[str, Any]) -> None:
        """Adds rows by one write; after a kill in its midst the whole ones among them are there."""
        self._file.write("".join(json.dumps(row) + "\n" for row in rows).encode())
        self._file.flush()
        self.rows.extend(map(dict, rows))


@contextlib.contextmanager
def open_rows(path: str | os.PathLike, wait_s: float = 0.0) -> Generator[RowLog]:
    """A file of JSON Lines to read and append to, made with its folder if there is none; one writer at a time.

    What a kill has cut off at its end is removed.  wait_s: how long to wait for another writer.
    Raises RecError if another run has it open, CorruptFile naming a damaged line.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        lock_file(file, path, wait_s)
        rows = read_rows(path)
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)
        yield RowLog(file, rows)

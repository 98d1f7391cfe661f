"""Files are written whole or not at all, and read only as far as memory allows."""

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from typing import BinaryIO

from rec_jax.core.errors import CorruptFile, MissingFile, RecError
from rec_jax.core.temporary_files import hidden_file, is_temporary, sweep_folder, try_beside, unnamed_file

_CHUNK_BYTES = 1 << 20


@contextlib.contextmanager
def open_atomic(path: str | os.PathLike, sweep: bool = True) -> Generator[BinaryIO]:
    """A new binary file that replaces what is at `path` when the block ends.

    The file has no name until it is complete (O_TMPFILE), so that nothing is left of a killed process; where the
    system has no such files it is a hidden one beside `path`, which the next call in that folder removes. On any
    failure (full disk, Ctrl-C, an error in the block) what was at `path` stays and the error goes on. A file that is
    replaced hands on its permissions. Raises OSError, with `path` as its filename, for whatever cannot be written, a
    directory or a device among it.

    sweep: whether leftovers of killed processes are looked for; not by who writes many files, and calls make_folder.
    """
    target = os.path.realpath(path)
    try:
        _refuse_irregular(target)
        if sweep:
            sweep_folder(os.path.dirname(target))
        with unnamed_file(target) or hidden_file(target) as file:
            yield file
    except OSError as error:
        if _is_ours(error.filename, target):
            error.filename, error.filename2 = os.fspath(path), None
        raise


def write_bytes_atomic(path: str | os.PathLike, data: bytes, sweep: bool = True) -> None:
    """Write `data` to `path`, whole or not at all, as open_atomic does."""
    with open_atomic(path, sweep) as file:
        file.write(data)


def make_folder(path: str | os.PathLike) -> None:
    """A folder, and those above it, if there is none; else without the leftovers of killed processes in it."""
    os.makedirs(path, exist_ok=True)
    sweep_folder(os.fspath(path))


def check_writable(path: str | os.PathLike) -> None:
    """Finds out whether open_atomic(path) can succeed, by beginning it: nothing is changed.

    Raises RecError for a directory, a device or a folder that does not exist, OSError naming `path` otherwise.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if os.path.isdir(target) or not os.path.basename(os.fspath(path)):
        raise RecError(f"{os.fspath(path)!r} is a directory or a device; name a file to write")
    if not os.path.isdir(folder):
        raise RecError(f"{os.path.dirname(path) or folder}: no such directory; make it first")
    try:
        exists = _exists(target)
        if exists and not os.path.isfile(target):
            raise RecError(f"{os.fspath(path)} is a directory or a device; name a file to write")
        sweep_folder(folder)
        try_beside(target)
    except OSError as error:
        raise named_error(error, path) from None
    if exists and _sticky(folder, target):
        raise PermissionError(errno.EPERM, "only its owner may replace it", os.fspath(path))


def read_bytes(path: str | os.PathLike, max_bytes: int) -> bytes:
    """The whole file at `path`, or all that comes out of a pipe.

    Raises MissingFile, CorruptFile (too large, a folder, a device), OSError.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise MissingFile(f"{os.fspath(path)}: no such file") from None
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)):
        raise CorruptFile(f"{os.fspath(path)} is a directory or a device, not a file")
    if status.st_size > max_bytes:
        raise CorruptFile(f"{os.fspath(path)} has {status.st_size} bytes; at most {max_bytes} are read")
    with open(path, "rb") as file:
        return read_all(file, max_bytes, os.fspath(path))


def read_all(file: BinaryIO, max_bytes: int, name: str) -> bytes:
    """All that comes out of an open file; CorruptFile, which calls it `name`, if that is more."""
    pieces, n_bytes = [], 0
    while piece := file.read(_CHUNK_BYTES):
        pieces.append(piece)
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            raise CorruptFile(f"{name} has more than {max_bytes} bytes; at most so many are read")
    return b"".join(pieces)


def named_error(error: OSError, path: str | os.PathLike) -> OSError:
    """The same error, of that file."""
    return type(error)(error.errno, error.strerror or str(error), os.fspath(path))


def _sticky(folder: str, target: str) -> bool:
    """Whether a folder such as /tmp forbids this process to replace a file of another user."""
    if not hasattr(os, "geteuid") or not os.stat(folder).st_mode & stat.S_ISVTX:
        return False
    return os.geteuid() not in (0, os.stat(folder).st_uid, os.stat(target).st_uid)


def _refuse_irregular(target: str) -> None:
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(errno.EINVAL, "not a regular file; name a file to write")


def _exists(target: str) -> bool:
    """Raises OSError for a name that cannot be: too long, or below a file."""
    try:
        os.lstat(target)
    except FileNotFoundError:
        return False
    return True


def _is_ours(name: str | None, target: str) -> bool:
    """Whether an error is about the file that is written: it names nothing, its folder or a temporary file."""
    return name in (None, os.path.dirname(target), target) or is_temporary(str(name))

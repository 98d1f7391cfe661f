"""Files are written whole or not at all, and read only as far as memory allows."""

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from typing import BinaryIO

from rec_jax.core.errors import CorruptFile, MissingFile


@contextlib.contextmanager
def open_atomic(path: str | os.PathLike) -> Iterator[BinaryIO]:
    """A new binary file that replaces what is at `path` when the block ends: a temporary file beside it, one rename.

    On any failure (full disk, Ctrl-C, an error in the block) the temporary file is removed, what was at `path`
    stays, and the error goes on. Raises OSError if `path` is a directory or a device, which a rename would replace.
    """
    path = os.path.realpath(path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(f"{path} is not a regular file; name a file to write")
    folder, name = os.path.split(path)
    temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(6)}.part")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_bytes_atomic(path: str | os.PathLike, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all, as open_atomic does."""
    with open_atomic(path) as file:
        file.write(data)


def read_bytes(path: str | os.PathLike, max_bytes: int) -> bytes:
    """The whole file at `path`. Raises MissingFile, CorruptFile (too large, a folder, a device), OSError."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        raise MissingFile(f"{os.fspath(path)}: no such file") from None
    if not stat.S_ISREG(status.st_mode):
        raise CorruptFile(f"{os.fspath(path)} is a directory or a device, not a file")
    if status.st_size > max_bytes:
        raise CorruptFile(f"{os.fspath(path)} has {status.st_size} bytes; at most {max_bytes} are read")
    with open(path, "rb") as file:
        return file.read(max_bytes)

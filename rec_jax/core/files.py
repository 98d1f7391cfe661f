"""Files are written whole or not at all, and read only as far as memory allows."""

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Generator
from typing import BinaryIO

from rec_jax.core.errors import CorruptFile, MissingFile, RecError

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # a system without locks keeps what a killed process left
    flock = None

STANDARD = "-"  # the name of standard input and output on a command line
_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{12}\.part")  # what a killed process may leave where it could not do without
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
            _sweep(os.path.dirname(target))
        with _unnamed_file(target) or _hidden_file(target) as file:
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
    _sweep(os.fspath(path))


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
        _sweep(folder)
        if (descriptor := _open_unnamed(folder)) is None:
            descriptor, temporary = _open_named(target)
            os.unlink(temporary)
        os.close(descriptor)
    except OSError as error:
        raise _named(error, path) from None
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
        return _read_all(file, max_bytes, os.fspath(path))


def read_standard_input(max_bytes: int) -> bytes:
    """All that comes from standard input. Raises MissingFile (closed, a terminal), CorruptFile (too large), OSError."""
    if sys.stdin is None or sys.stdin.closed:
        raise MissingFile("standard input is closed; pipe a file into it or name one")
    if sys.stdin.isatty():
        raise MissingFile("standard input is a terminal; pipe a file into it or name one")
    return _read_all(sys.stdin.buffer, max_bytes, "standard input")


def write_standard_output(data: bytes) -> None:
    """Writes `data` to standard output, whole. Raises OSError, BrokenPipeError if the reader has gone."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise _named(error, "standard output") from None


def _read_all(file: BinaryIO, max_bytes: int, name: str) -> bytes:
    pieces, n_bytes = [], 0
    while piece := file.read(_CHUNK_BYTES):
        pieces.append(piece)
        n_bytes += len(piece)
        if n_bytes > max_bytes:
            raise CorruptFile(f"{name} has more than {max_bytes} bytes; at most so many are read")
    return b"".join(pieces)


def _unnamed_file(target: str) -> contextlib.AbstractContextManager[BinaryIO] | None:
    """A file without a name that gets the target's at the end; None where there are no such files."""
    descriptor = _open_unnamed(os.path.dirname(target))
    return None if descriptor is None else _named_at_the_end(descriptor, target)


@contextlib.contextmanager
def _named_at_the_end(descriptor: int, target: str) -> Generator[BinaryIO]:
    with open(descriptor, "wb") as file:
        _inherit_mode(descriptor, target)
        yield file
        file.flush()
        os.fsync(descriptor)
        try:
            _link(descriptor, target)
        except FileExistsError:  # a link replaces nothing: one more name, and a rename
            temporary = _temporary_name(target)
            _lock(descriptor)  # before it has a name that another process could take for a leftover
            _link(descriptor, temporary)
            _replace(temporary, target)


@contextlib.contextmanager
def _hidden_file(target: str) -> Generator[BinaryIO]:
    """A hidden file beside the target that takes its place at the end."""
    descriptor, temporary = _open_named(target)
    try:
        with open(descriptor, "wb") as file:
            _inherit_mode(descriptor, target)
            yield file
            file.flush()
            os.fsync(descriptor)
            if flock is not None:  # while it is locked
                _replace(temporary, target)
        if flock is None:  # Windows renames no open file
            _replace(temporary, target)
    except BaseException:
        _remove(temporary)
        raise


def _replace(temporary: str, target: str) -> None:
    try:
        os.replace(temporary, target)
    except BaseException:
        _remove(temporary)
        raise


def _remove(temporary: str) -> None:
    """Removes what may be gone, so that the error that led here is the one that is told."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)


def _open_unnamed(folder: str) -> int | None:
    """A file without a name; None where the system or the file system has none."""
    if not hasattr(os, "O_TMPFILE") or not os.path.isdir("/proc/self/fd"):
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_WRONLY, 0o666)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            return None
        raise


def _open_named(target: str) -> tuple[int, str]:
    """A hidden file beside the target, locked as long as it is open: an unlocked one is a leftover."""
    while True:
        temporary = _temporary_name(target)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(temporary, flags, 0o666)
        _lock(descriptor)
        if os.path.exists(temporary):  # not swept by another process in between
            return descriptor, temporary
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    """Holds an open file, where the system and the file system have locks, until it is closed."""
    if flock is not None:
        with contextlib.suppress(OSError):
            flock(descriptor, LOCK_EX)


def _temporary_name(target: str) -> str:
    folder, name = os.path.split(target)
    return os.path.join(folder, f".{name[:50]}.{secrets.token_hex(6)}.part")


def _link(descriptor: int, name: str) -> None:
    """linkat(2) through /proc, which follows the link there only if a folder is given."""
    os.link(f"/proc/self/fd/{descriptor}", name, src_dir_fd=descriptor, follow_symlinks=True)


def _sweep(folder: str) -> None:
    """Removes the hidden files of processes that were killed."""
    if flock is None:
        return
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for path in [entry.path for entry in entries if _LEFTOVER.fullmatch(entry.name)]:
            with contextlib.suppress(OSError), open(path, "rb") as file:
                flock(file, LOCK_EX | LOCK_NB)
                os.unlink(path)


def _inherit_mode(descriptor: int, target: str) -> None:
    """Owner, group and permissions of the file that will be replaced, as far as this process may give them."""
    if not hasattr(os, "fchmod") or not os.path.exists(target):
        return
    status = os.stat(target)
    with contextlib.suppress(OSError):
        os.fchown(descriptor, status.st_uid, status.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(status.st_mode) & 0o777)


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
    return (
        name in (None, os.path.dirname(target), target)
        or str(name).startswith("/proc/self/fd/")
        or (_LEFTOVER.fullmatch(os.path.basename(name)) is not None)
    )


def _named(error: OSError, path: str | os.PathLike) -> OSError:
    return type(error)(error.errno, error.strerror or str(error), os.fspath(path))

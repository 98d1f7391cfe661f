"""Files that have no name yet, or a hidden one, and get their target's when they are whole."""

import contextlib
import errno
import os
import re
import secrets
import stat
from collections.abc import Generator
from typing import BinaryIO

try:
    from fcntl import LOCK_EX, LOCK_NB, flock
except ImportError:  # a system without locks keeps what a killed process left
    flock = None

_LEFTOVER = re.compile(r"\..+\.[0-9a-f]{12}\.part")  # what a killed process may leave where it could not do without


def unnamed_file(target: str) -> contextlib.AbstractContextManager[BinaryIO] | None:
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
def hidden_file(target: str) -> Generator[BinaryIO]:
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


def try_beside(target: str) -> None:
    """Begins such a file and drops it again; OSError where none can be made."""
    if (descriptor := _open_unnamed(os.path.dirname(target))) is None:
        descriptor, temporary = _open_named(target)
        os.unlink(temporary)
    os.close(descriptor)


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


def sweep_folder(folder: str) -> None:
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


def is_temporary(name: str) -> bool:
    """Whether a path is of a file that this module made."""
    return name.startswith("/proc/self/fd/") or _LEFTOVER.fullmatch(os.path.basename(name)) is not None

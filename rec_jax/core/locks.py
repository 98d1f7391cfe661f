"""One process at a time: files and folders that are locked by the system (flock).

It frees a lock when its process ends, however it ends, so that nobody waits for the dead and nothing stale is left. On
a folder that hosts share, the file system must carry flock between them: NFS 4, CephFS and GPFS do, Lustre with
-o flock.
"""

import contextlib
import os
import platform
import time
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from rec_jax.core.errors import RecError

_POLL_S = 0.1


class InUse(RecError):
    """Another process holds the lock."""


@contextlib.contextmanager
def locked(folder: Path, wait_s: float = 0.0) -> Generator[None]:
    """Holds FOLDER/lock, made with its folder; it says who holds it. Raises InUse if another has it for longer."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab+") as file:
        lock_file(file, folder, wait_s)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}".encode())
        file.flush()
        yield


def lock_file(file: BinaryIO, path: Path, wait_s: float = 0.0) -> None:
    """Locks an open file until it is closed. Raises InUse, naming `path`, if another has it for longer than wait_s."""
    deadline_s = time.monotonic() + wait_s
    while not _try_lock(file):
        if time.monotonic() >= deadline_s:
            raise InUse(f"{path} is in use by {_holder(path)}; wait for it, or give another --workdir")
        time.sleep(_POLL_S)


def is_locked(path: Path) -> bool:
    """Whether a process has a file locked; one that is not there is not."""
    try:
        with path.open("rb") as file:
            return not _try_lock(file)
    except FileNotFoundError:
        return False


def _try_lock(file: BinaryIO) -> bool:
    import fcntl  # which Windows lacks

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(path: Path) -> str:
    if not path.is_dir():
        return "another run"
    who = (path / "lock").read_text(encoding="utf-8", errors="replace")[:200]
    return f"another run ({who})" if who else "another run"

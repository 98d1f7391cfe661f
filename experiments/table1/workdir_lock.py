"""One run at a time in a workdir: two would write the same rows twice."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from rec_jax.core.errors import RecError


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Holds WORKDIR/lock, which the system frees when the process ends, however it ends. RecError if another has it."""
    workdir.mkdir(parents=True, exist_ok=True)
    with (workdir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RecError(f"{workdir} is in use by another run; wait for it, or give another --workdir") from None
        yield

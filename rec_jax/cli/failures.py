"""What went wrong, in one line."""

import os

from rec_jax.core.errors import RecError

FAILURES = (RecError, OSError, MemoryError)  # that are the input's or the machine's fault


def failure_line(error: BaseException) -> str:
    """What a user is told of one of FAILURES."""
    match error:
        case MemoryError():
            return "not enough memory for this picture; cut it up"
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            if isinstance(error, FileNotFoundError) and _is_lost(error.filename):
                return f"{where}the working directory was removed; change to one that is there"
            return f"{where}{error.strerror or error}"
        case _:
            return str(error)


def _is_lost(name: str | bytes | int | None) -> bool:
    """Whether a name, or what has none, is looked for in a working directory that is no more."""
    if isinstance(name, str) and os.path.isabs(name):
        return False
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False

"""What went wrong, in one line."""

from rec_jax.core.errors import RecError

FAILURES = (RecError, OSError, MemoryError)  # that are the input's or the machine's fault


def failure_line(error: BaseException) -> str:
    """What a user is told of one of FAILURES."""
    match error:
        case MemoryError():
            return "not enough memory for this picture; cut it up"
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            return f"{where}{error.strerror or error}"
        case _:
            return str(error)

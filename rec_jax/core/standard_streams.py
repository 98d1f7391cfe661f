"""Standard input and output as files: whole, and with what may be wrong with them."""

import sys

from rec_jax.core.errors import MissingFile
from rec_jax.core.files import named_error, read_all

STANDARD = "-"  # their name on a command line


def read_standard_input(max_bytes: int) -> bytes:
    """All that comes from standard input. Raises MissingFile (closed, a terminal), CorruptFile (too large), OSError."""
    if sys.stdin is None or sys.stdin.closed:
        raise MissingFile("standard input is closed; pipe a file into it or name one")
    if sys.stdin.isatty():
        raise MissingFile("standard input is a terminal; pipe a file into it or name one")
    return read_all(sys.stdin.buffer, max_bytes, "standard input")


def write_standard_output(data: bytes) -> None:
    """Writes `data` to standard output, whole. Raises OSError, BrokenPipeError if the reader has gone."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise named_error(error, "standard output") from None

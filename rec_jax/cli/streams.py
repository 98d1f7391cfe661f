"""A command's one input and one output: files, or standard input and output, which `-` names."""

from rec_jax.codec import container
from rec_jax.core.console import complain, flush_or_drop, say
from rec_jax.core.errors import RecError
from rec_jax.core.files import STANDARD, read_bytes, read_standard_input, write_bytes_atomic, write_standard_output

_MAX_REC_BYTES = 6 * container.MAX_PIXELS + 64


def read_rec(path: str) -> tuple[bytes, container.Header, bytes]:
    """The bytes, header and stream of a `.rec` file; errors name the file."""
    data = read_standard_input(_MAX_REC_BYTES) if path == STANDARD else read_bytes(path, _MAX_REC_BYTES)
    try:
        return data, *container.unpack(data)
    except RecError as error:
        raise type(error)(f"{display_name(path)}: {error}") from None


def deliver(output: str, data: bytes) -> None:
    """Write a file, or standard output, whole."""
    if output == STANDARD:
        write_standard_output(data)
    else:
        write_bytes_atomic(output, data)


def report(output: str, line: str) -> None:
    """Say what was written; a line that nobody can read is no failure, for the file is there."""
    if output == STANDARD:
        complain(f"rec-jax: {line}")
        return
    try:
        say(f"{output}: {line}")
    except OSError as error:
        flush_or_drop()
        if not isinstance(error, BrokenPipeError):
            complain(f"rec-jax: {output} is written; standard output: {error.strerror}")


def display_name(path: str) -> str:
    """What messages call an input."""
    return "standard input" if path == STANDARD else path

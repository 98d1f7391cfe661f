"""A command's one input and one output: files, or standard input and output, which `-` names."""

import contextlib
import os
from collections.abc import Generator

from rec_jax.codec import container
from rec_jax.core.console import complain, flush_or_drop, say
from rec_jax.core.errors import RecError
from rec_jax.core.files import read_bytes, write_bytes_atomic
from rec_jax.core.outputs import check_output
from rec_jax.core.standard_streams import STANDARD, read_standard_input, write_standard_output

_MAX_REC_BYTES = 6 * container.MAX_PIXELS + 64


def read_rec(path: str) -> tuple[bytes, container.Header, bytes]:
    """The bytes, header and stream of a `.rec` file; errors name the file."""
    data = read_standard_input(_MAX_REC_BYTES) if path == STANDARD else read_bytes(path, _MAX_REC_BYTES)
    with naming(path):
        return data, *container.unpack(data)


@contextlib.contextmanager
def naming(path: str) -> Generator[None]:
    """A RecError in this block names the input, if it does not yet."""
    try:
        yield
    except RecError as error:
        name = display_name(path)
        if str(error).startswith(name):
            raise
        raise type(error)(f"{name}: {error}") from None


def check_target(output: str, source: str, force: bool, suffix: str) -> None:
    """core.outputs.check_output, which says what else to write in place of /dev/stdout and other pipes."""
    if output != STANDARD and os.path.exists(output) and not (os.path.isfile(output) or os.path.isdir(output)):
        raise RecError(f"{output} is a pipe or a device; name a file to write, or - for standard output")
    check_output(output, source, force, suffix)


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

"""What a command says: lines that survive a closed, full or broken standard output and error."""

import contextlib
import os
import re
import sys
from typing import NoReturn, TextIO

from rec_jax.core.messages import printable


def say(line: str) -> None:
    """A line on stdout, at once. Raises OSError that names standard output; BrokenPipeError if its reader has gone."""
    try:
        print(_shown(line, sys.stdout), flush=True)  # nothing where there is no stdout
    except OSError as error:
        raise type(error)(error.errno, error.strerror, "standard output") from None


def complain(line: str) -> None:
    """One line on stderr, over a line of progress; where there is no stderr, silence."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            if sys.stderr.isatty():
                sys.stderr.write("\r\x1b[K")
            print(_shown(re.sub(r"\s*[\r\n]\s*", " ", line.strip()), sys.stderr), file=sys.stderr, flush=True)


def _shown(line: str, stream: TextIO | None) -> str:
    """The line as a terminal can be given it, and the stream's encoding has it."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return printable(line).encode(encoding, "backslashreplace").decode(encoding)


def flush_or_drop() -> None:
    """What is left in a stdout that cannot be written is dropped: Python would complain of it when the process ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError), open(os.devnull, "wb") as nothing:
            os.dup2(nothing.fileno(), sys.stdout.fileno())


def end_process(code: int) -> NoReturn:
    """Ends the process with what it has said; Python's own end takes apart what jax has loaded, for 0.3 s."""
    flush_or_drop()
    os._exit(code)

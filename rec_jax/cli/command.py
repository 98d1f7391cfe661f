"""The command line as a whole: its words, and how it ends."""

import argparse
import contextlib

from rec_jax.cli import compress, decompress, info, models
from rec_jax.core.console import complain, flush_or_drop
from rec_jax.core.errors import RecError
from rec_jax.core.interrupts import EXIT_CODE, prompt_interrupts
from rec_jax.version import __version__

_INTERRUPTED = "interrupted; nothing was written"
_PIPE_CLOSED = 141  # what a shell reports of a program whose reader has gone: 128 + SIGPIPE


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    argv: the words after `rec-jax`. By default the process's own; then Ctrl-C ends the process without waiting for
    anything that still runs in it.
    """
    with contextlib.nullcontext() if argv is not None else prompt_interrupts(f"rec-jax: {_INTERRUPTED}"):
        return _run(argv)


def _run(argv: list[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        arguments.run(arguments)
        return 0
    except KeyboardInterrupt:
        return _fail(_INTERRUPTED, code=EXIT_CODE)
    except RecError as error:
        return _fail(str(error))
    except BrokenPipeError:
        flush_or_drop()
        return _PIPE_CLOSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except MemoryError:
        return _fail("not enough memory for this picture; cut it up")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rec-jax", description="Lossless image compression by relative entropy coding.")
    parser.add_argument("--version", action="version", version=f"rec-jax {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (compress, decompress, info, models):
        command.add_parser(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """A wrong command line is one line, like every other failure."""

    def error(self, message: str):
        self.exit(2, f"rec-jax: {message}; see {self.prog} --help\n")


def _fail(line: str, code: int = 1) -> int:
    complain(f"rec-jax: {line}")
    flush_or_drop()
    return code

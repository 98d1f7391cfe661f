"""The command line as a whole: its words, and how it ends."""

import argparse
import contextlib

from rec_jax.cli import compress, decompress, info, models
from rec_jax.cli.bulk.run import INTERRUPTED
from rec_jax.cli.failures import FAILURES, failure_line
from rec_jax.core.console import complain, flush_or_drop
from rec_jax.core.freed_memory import keep_freed_memory
from rec_jax.core.interrupts import EXIT_CODE, NOTHING_WRITTEN, prompt_interrupts
from rec_jax.core.standard_streams import STANDARD
from rec_jax.version import __version__

_PIPE_CLOSED = 141  # what a shell reports of a program whose reader has gone: 128 + SIGPIPE


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    argv: the words after `rec-jax`. By default the process's own; then Ctrl-C ends the process without waiting for
    anything that still runs in it.
    """
    line = NOTHING_WRITTEN
    try:
        arguments = _parse(argv)
        arguments.is_process = argv is None
        if arguments.is_process:
            keep_freed_memory()
        in_bulk = getattr(arguments, "folder", None) is not None
        if in_bulk:
            line = INTERRUPTED
        prompt = arguments.is_process and not in_bulk  # which sees to it itself
        with prompt_interrupts(f"rec-jax: {line}") if prompt else contextlib.nullcontext():
            return arguments.run(arguments) or 0
    except KeyboardInterrupt:
        return _fail(line, code=EXIT_CODE)
    except BrokenPipeError:
        flush_or_drop()
        return _PIPE_CLOSED
    except FAILURES as error:
        return _fail(failure_line(error))


def _parse(argv: list[str] | None) -> argparse.Namespace:
    """The words, wherever options stand among paths; argparse takes the paths of one place and leaves the others."""
    parser = _parser()
    arguments, left = parser.parse_known_args(argv)
    end = left.index("--") if "--" in left else len(left)  # of options: what follows is paths, whatever it looks like
    if any(word.startswith("-") and word != STANDARD for word in left[:end]) or (
        left and not hasattr(arguments, "paths")
    ):
        parser.error(f"unrecognized arguments: {' '.join(left)}")
    if left:
        arguments.paths += left[:end] + left[end + 1 :]
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rec-jax", description="Image compression by relative entropy coding, lossless or lossy.")
    parser.add_argument("--version", action="version", version=f"rec-jax {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (compress, decompress, info, models):
        command.add_parser(commands)
    return parser


class _Parser(argparse.ArgumentParser):
    """A wrong command line is one line, like every other failure."""

    def error(self, message: str):
        complain(f"rec-jax: {message}; see {self.prog} --help")
        self.exit(2)


def _fail(line: str, code: int = 1) -> int:
    complain(f"rec-jax: {line}")
    flush_or_drop()
    return code

"""How the program of an experiment reads its words and how it ends."""

import argparse
import functools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rec_jax.cli.failures import FAILURES, failure_line
from rec_jax.core.errors import ConfigError
from rec_jax.core.messages import one_line

Main = Callable[[Sequence[str] | None], int]


def ends_in_a_line(name: str, after_interrupt: str = "interrupted") -> Callable[[Main], Main]:
    """Of a main(argv) -> exit code: what is the input's or the machine's fault, and Ctrl-C, are a line and code 1."""

    def decorate(main: Main) -> Main:
        @functools.wraps(main)
        def run(argv: Sequence[str] | None = None) -> int:
            try:
                return main(argv)
            except MemoryError:
                line = "not enough memory"
            except FAILURES as error:
                line = one_line(failure_line(error))
            except KeyboardInterrupt:
                line = after_interrupt
            print(f"{name}: {line}", file=sys.stderr)
            return 1

        return run

    return decorate


GOES_ON = "interrupted; the same command goes on where it was"


def at_least(least: int) -> Callable[[str], int]:
    """For argparse: a whole number that is not smaller."""

    def read(text: str) -> int:
        try:
            if int(text) >= least:
                return int(text)
        except ValueError:
            pass
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number of at least {least}")

    return read


def check_files(*paths: str) -> None:
    """ConfigError for the first that is no file."""
    for path in paths:
        if not Path(path).is_file():
            raise ConfigError(f"{path}: no such file")


def check_folders(*paths: str | None) -> None:
    """ConfigError for the first that is no folder; None and '' stand for none."""
    for path in filter(None, paths):
        if not Path(path).is_dir():
            raise ConfigError(f"{path}: no such folder")

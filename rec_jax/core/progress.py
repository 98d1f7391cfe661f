"""A line on a terminal that says how far a long piece of work is."""

import contextlib
import sys
import time
from collections.abc import Callable, Generator

Progress = Callable[[int, int], None]  # (parts done, parts in all)
_QUIET_S = 1.0  # work that is done sooner says nothing
_EVERY_S = 0.2


@contextlib.contextmanager
def progress_line(what: str) -> Generator[Progress | None]:
    """A function to be told (done, total), which keeps one line on stderr; None where stderr is no terminal.

    The line appears after a second and is wiped at the end.
    """
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    line = _Line(what)
    try:
        yield line.show
    finally:
        line.wipe()


class _Line:
    def __init__(self, what: str):
        self._what, self._start_s, self._shown_s, self._width = what, time.monotonic(), 0.0, 0

    def show(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        elapsed_s = now_s - self._start_s
        if elapsed_s < _QUIET_S or (now_s - self._shown_s < _EVERY_S and done < total):
            return
        left = f", {elapsed_s * (total - done) / done:.0f} s left" if 0 < done < total else ""
        text = f"{self._what}: {done} of {total}{left}"
        self._write("\r" + text.ljust(self._width))
        self._shown_s, self._width = now_s, len(text)

    def wipe(self) -> None:
        if self._width:
            self._write("\r" + " " * self._width + "\r")

    def _write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()

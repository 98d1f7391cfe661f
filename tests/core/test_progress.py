"""The progress line appears on terminals only, for long work, and leaves nothing behind."""

import io
import sys

from rec_jax.core import progress
from rec_jax.core.progress import progress_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_no_line_where_there_is_no_terminal(monkeypatch):
    for stderr in (None, io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stderr)
        with progress_line("tiles") as show:
            assert show is None


def test_a_line_with_the_time_left_that_is_wiped(monkeypatch):
    clock = iter([0.0, 0.5, 2.0, 2.1, 4.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_line("tiles") as show:
        show(1, 8)  # too early
        show(2, 8)
        show(3, 8)  # too soon after
        show(8, 8)
    lines = sys.stderr.getvalue().split("\r")
    assert lines[1] == "tiles: 2 of 8, 6 s left" and lines[2].strip() == "tiles: 8 of 8" and lines[-1] == ""
    assert len(lines) == 5 and not lines[3].strip()

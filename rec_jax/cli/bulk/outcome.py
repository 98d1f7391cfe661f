"""What became of each file, and of all."""

import dataclasses
import os
from typing import NamedTuple

from rec_jax.cli.bulk.inputs import Item
from rec_jax.cli.failures import failure_line


class Outcome(NamedTuple):
    """One file's end: written, finished before, or a line that says why not."""

    source: str
    n_bytes_in: int = 0
    n_bytes_out: int = 0
    skipped: bool = False
    error: str = ""


def written(item: Item, data: bytes) -> Outcome:
    """The Outcome of an item whose output now holds `data`."""
    return Outcome(item.source, os.path.getsize(item.source), len(data))


def failed(item: Item, error: BaseException) -> Outcome:
    """The Outcome of an item that one of FAILURES ended; its line names the file."""
    line = failure_line(error)
    return Outcome(item.source, error=line if item.source in line or item.output in line else f"{item.source}: {line}")


@dataclasses.dataclass
class Totals:
    """Counts over outcomes."""

    n_written: int = 0
    n_skipped: int = 0
    n_failed: int = 0
    n_bytes_in: int = 0  # of the files that were written
    n_bytes_out: int = 0

    @property
    def n_files(self) -> int:
        """All that ended in any way."""
        return self.n_written + self.n_skipped + self.n_failed

    def add(self, outcome: Outcome) -> None:
        """Counts one more."""
        self.n_failed += bool(outcome.error)
        self.n_skipped += outcome.skipped
        self.n_written += not (outcome.error or outcome.skipped)
        self.n_bytes_in += outcome.n_bytes_in
        self.n_bytes_out += outcome.n_bytes_out

    def line(self, elapsed_s: float) -> str:
        """The last line of a command."""
        return (
            f"{self.n_written} files written, {self.n_bytes_in} bytes to {self.n_bytes_out}; "
            f"{self.n_skipped} skipped (finished before), {self.n_failed} failed, {elapsed_s:.1f} s"
        )

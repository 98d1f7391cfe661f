"""One evaluation shared by several processes: each has its batches and its file of rows, folded into one at the end.

They meet in the folder of the rows alone, so that they need not run at the same time, nor be as many when they resume:

    ROWS.jsonl                    all rows; the only file of an evaluation that is not shared, and of a finished one
    ROWS.share-I-of-N.jsonl       those of a share at work, or of one that was killed, until they are folded in

ROWS.jsonl is locked while files of shares are made, folded or removed, and by an evaluation that is not shared.
"""

import contextlib
import re
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.json_rows import read_rows
from rec_jax.core.locks import InUse, is_locked
from rec_jax.core.rows import RowLog, open_rows

_WAIT_S = 60.0  # for others to fold their rows, or to begin
_POLL_S = 1.0


class Share(NamedTuple):
    """Part `index`, from 0, of `count`: batches index, index + count, ..."""

    index: int = 0
    count: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of 'I/N', I from 1, as `rec-jax --shard` counts; ConfigError for anything else."""
        found = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ConfigError(f"--shard={text}: I/N, the part I of N, from 1/N to N/N")
        return cls(int(found[1]) - 1, int(found[2]))


WHOLE = Share()


class SharedRows(NamedTuple):
    """done: numbers of the images whose rows there are already.  log: where this process writes."""

    done: set[int]
    log: RowLog


@contextlib.contextmanager
def open_shared_rows(path: Path, share: Share) -> Generator[SharedRows]:
    """The rows of an evaluation, for one share of it; at the end, unless something failed, they are all in `path`.

    Raises InUse if another process has the same share, or works on the same rows in other shares.
    """
    if share == WHOLE:
        with open_rows(path) as log:
            _fold(path, log, share)
            yield SharedRows(_numbers(log), log)
        return
    own = _path_of(path, share)
    with contextlib.ExitStack() as stack:
        with open_rows(path, _WAIT_S) as whole:
            _fold(path, whole, share)
            log, done = stack.enter_context(open_rows(own)), _numbers(whole)
        yield SharedRows(done, log)
        with open_rows(path, _WAIT_S) as whole:
            _append_missing(whole, log)
            own.unlink()


def rows_of(path: Path, numbers: Sequence[int]) -> list[dict[str, Any]] | None:
    """The rows of these images, in their order; None if some are missing."""
    rows = {row["image"]: row for row in read_rows(path)}
    return [rows[number] for number in numbers] if rows.keys() >= set(numbers) else None


def await_rows(path: Path, share: Share, numbers: Sequence[int]) -> list[dict[str, Any]]:
    """`rows_of` when the other shares, which run at the same time, have folded in theirs.

    Raises RecError if some are missing and nobody has been at work on them for a minute.
    """
    idle_since_s = time.monotonic()
    while True:
        if any(is_locked(part) for part in _parts(path)):
            idle_since_s = time.monotonic()
        else:
            with contextlib.suppress(InUse), open_rows(path) as whole:
                _fold(path, whole, share)
            if rows := rows_of(path, numbers):
                return rows
            if time.monotonic() - idle_since_s > _WAIT_S:
                raise RecError(f"{path}: rows are missing, and no process is at work on them; give the command again")
        time.sleep(_POLL_S)


def _fold(path: Path, whole: RowLog, share: Share) -> None:
    """Takes in the rows of shares that are not at work; InUse for one that is, but as one of as many."""
    for part in _parts(path):
        if is_locked(part):
            if share == WHOLE or not part.stem.endswith(f"-of-{share.count}"):
                raise InUse(f"{part} is in use by another run, of other shares; wait for it")
            continue
        with open_rows(part) as log:
            _append_missing(whole, log)
            part.unlink()


def _append_missing(whole: RowLog, part: RowLog) -> None:
    done = _numbers(whole)
    whole.append(*(row for row in sorted(part.rows, key=lambda row: row["image"]) if row["image"] not in done))


def _numbers(log: RowLog) -> set[int]:
    return {row["image"] for row in log.rows}


def _path_of(path: Path, share: Share) -> Path:
    return path.with_name(f"{path.stem}.share-{share.index + 1}-of-{share.count}{path.suffix}")


def _parts(path: Path) -> Iterator[Path]:
    """In the order of their names."""
    name = re.compile(re.escape(path.stem) + r"\.share-\d+-of-\d+" + re.escape(path.suffix))
    return (file for file in sorted(path.parent.iterdir()) if name.fullmatch(file.name))

"""The runs of a sweep, each in a folder of its own: one process at a time takes one, and a finished one is done.

Any number of processes may share a sweep's folder, on hosts that share its file system: what another one has locked is
skipped, and the system frees the lock of a process that died (core.locks), whose run then goes on where it was.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import logging
from ml_collections import ConfigDict

from rec_jax.core.config_values import with_tuples
from rec_jax.core.errors import CorruptFile, RecError
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.locks import InUse, locked
from rec_jax.core.messages import one_line
from rec_jax.evaluate.lossy_summary import AnySummary, summary_of

_RESULT = "result.json"


class Run(NamedTuple):
    """A folder, what its config changes of the sweep's, and that config."""

    folder: Path
    overrides: dict[str, Any]
    config: ConfigDict

    @property
    def name(self) -> str:
        """For messages and tables."""
        return self.folder.name


class Waiting(Exception):
    """A run needs what another process is at work on."""


def do_runs(runs: Sequence[Run], work: Callable[[Run, bool], AnySummary]) -> list[str]:
    """Does what is not done; returns the names of the runs that failed, which stop no other one.

    work(run, wait): what a run comes to. Without `wait` it raises Waiting rather than to wait for another process; such
    a run comes again when all others are done.
    """
    failed: list[str] = []
    waiting = _pass(runs, lambda run: work(run, False), failed)
    _pass(waiting, lambda run: work(run, True), failed)
    return failed


def _pass(runs: Sequence[Run], work: Callable[[Run], AnySummary], failed: list[str]) -> list[Run]:
    """Those that are Waiting."""
    waiting = []
    for number, run in enumerate(runs, 1):
        try:
            with locked(run.folder):
                if read_result(run) is None:
                    logging.info("sweep: %s (%d of %d)", run.folder, number, len(runs))
                    _write_result(run, work(run))
        except Waiting:
            waiting.append(run)
        except InUse as error:
            logging.info("sweep: %s is left to others: %s", run.name, error)
        except (RecError, OSError, RuntimeError) as error:
            failed.append(run.name)
            logging.error("sweep: %s: %s", run.name, one_line(error))
    return waiting


def read_result(run: Run) -> AnySummary | None:
    """What a finished run came to; None if it is not finished, or was finished under another config."""
    path = run.folder / _RESULT
    if not path.exists():
        return None
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        same = with_tuples(written["config"]) == with_tuples(run.config.to_dict())
        return summary_of(written["summary"]) if same else None
    except (ValueError, KeyError, TypeError):
        raise CorruptFile(f"{path} is damaged; delete it, and the run is done again") from None


def _write_result(run: Run, summary: AnySummary) -> None:
    written = {"config": run.config.to_dict(), "summary": summary._asdict()}
    write_bytes_atomic(run.folder / _RESULT, (json.dumps(written, indent=1) + "\n").encode())

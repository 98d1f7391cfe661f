"""What the finished runs of a sweep came to, as a table (CSV)."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rec_jax.core.files import write_bytes_atomic
from rec_jax.evaluate.lossy_summary import AnySummary
from rec_jax.sweep.runs import Run

Results = Sequence[tuple[Run, AnySummary]]


def swept_fields(runs: Sequence[Run]) -> list[str]:
    """'section.field' of everything that some run changes, in the order of the runs."""
    return list(dict.fromkeys(name for run in runs for name in run.overrides))


def write_table(path: Path, results: Results) -> None:
    """A line per run: its name, the value of every swept field, and its summary; errors are one standard error.

    A cell is empty where the summary of a run has no such number: lossy and lossless models have others.
    """
    fields = swept_fields([run for run, _ in results])
    columns = [summary.columns() for _, summary in results]
    names = list(dict.fromkeys(name for one in columns for name in one))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["run", *fields, *names])
    for (run, _), one in zip(results, columns, strict=True):
        writer.writerow([run.name, *(field_value(run, field) for field in fields), *(one.get(name) for name in names)])
    write_bytes_atomic(path, text.getvalue().encode())


def field_value(run: Run, field: str) -> Any:
    """Of 'section.field', overridden or not."""
    value = run.config
    for name in field.split("."):
        value = value[name]
    return value

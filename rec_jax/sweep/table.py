"""What the finished runs of a sweep came to, as a table (CSV)."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rec_jax.core.files import write_bytes_atomic
from rec_jax.evaluate.summary import RATES, Summary
from rec_jax.sweep.runs import Run

Results = Sequence[tuple[Run, Summary]]


def swept_fields(runs: Sequence[Run]) -> list[str]:
    """'section.field' of everything that some run changes, in the order of the runs."""
    return list(dict.fromkeys(name for run in runs for name in run.overrides))


def write_table(path: Path, results: Results) -> None:
    """A line per run: its name, the value of every swept field, and its summary; errors are one standard error."""
    fields = swept_fields([run for run, _ in results])
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    others = [name for name in Summary._fields if name not in ("rates_bpd", "errors_bpd")]
    rates = [f"{name}_bpd{of}" for name in RATES for of in ("", "_error")]
    writer.writerow(["run", *fields, *rates, *others])
    for run, summary in results:
        values = [field_value(run, field) for field in fields]
        numbers = [part[name] for name in RATES for part in (summary.rates_bpd, summary.errors_bpd)]
        writer.writerow([run.name, *values, *numbers, *(getattr(summary, name) for name in others)])
    write_bytes_atomic(path, text.getvalue().encode())


def field_value(run: Run, field: str) -> Any:
    """Of 'section.field', overridden or not."""
    value = run.config
    for name in field.split("."):
        value = value[name]
    return value

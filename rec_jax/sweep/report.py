"""What a sweep has come to so far: WORKDIR/sweep.csv and sweep.png."""

from collections.abc import Sequence
from pathlib import Path

from rec_jax.sweep.plot import draw_sweep
from rec_jax.sweep.runs import Run, read_result
from rec_jax.sweep.table import write_table


def write_report(workdir: Path, runs: Sequence[Run]) -> str:
    """Writes both, of the runs that are finished, whoever did them; returns a line that says how many are."""
    results = [(run, summary) for run in runs if (summary := read_result(run))]
    if not results:
        return f"0 of {len(runs)} runs are finished"
    write_table(workdir / "sweep.csv", results)
    draw_sweep(workdir / "sweep.png", results)
    return f"{len(results)} of {len(runs)} runs are finished: {workdir}/sweep.csv, {workdir}/sweep.png"

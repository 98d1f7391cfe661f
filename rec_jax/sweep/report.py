"""What a sweep has come to so far: WORKDIR/sweep.csv, sweep.png of lossless runs, and curves.png of lossy ones."""

from collections.abc import Sequence
from pathlib import Path

from rec_jax.evaluate.lossy_summary import LossySummary
from rec_jax.evaluate.summary import Summary
from rec_jax.sweep.curves import draw_curves
from rec_jax.sweep.plot import draw_sweep
from rec_jax.sweep.runs import Run, read_result
from rec_jax.sweep.table import write_table


def write_report(workdir: Path, runs: Sequence[Run]) -> str:
    """Writes them, of the runs that are finished, whoever did them; returns a line that says how many are."""
    results = [(run, summary) for run in runs if (summary := read_result(run))]
    if not results:
        return f"0 of {len(runs)} runs are finished"
    written = [workdir / "sweep.csv"]
    write_table(written[0], results)
    if lossless := [(run, summary) for run, summary in results if isinstance(summary, Summary)]:
        written.append(workdir / "sweep.png")
        draw_sweep(written[-1], lossless)
    if lossy := [(run, summary) for run, summary in results if isinstance(summary, LossySummary)]:
        written.append(workdir / "curves.png")
        draw_curves(written[-1], lossy)
    return f"{len(results)} of {len(runs)} runs are finished: {', '.join(map(str, written))}"

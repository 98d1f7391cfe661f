"""Bits per dimension of the finished lossless runs of a sweep against what was swept, a panel per field."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import matplotlib

from rec_jax.core.files import open_atomic
from rec_jax.evaluate.summary import Summary
from rec_jax.sweep.runs import Run
from rec_jax.sweep.table import field_value, swept_fields

matplotlib.use("Agg")  # draws to files, also where there is no screen

from matplotlib import pyplot as plt

Results = Sequence[tuple[Run, Summary]]

_LOG_FROM = 30  # a range of so many times its least value is drawn on a logarithmic axis


def draw_sweep(path: Path, results: Results) -> None:
    """Files with their standard errors, and the bound (-ELBO) dashed; runs that differ in one field are joined."""
    fields = swept_fields([run for run, _ in results])
    figure, panels = plt.subplots(1, len(fields), figsize=(4.5 * len(fields), 3.6), squeeze=False, sharey=True)
    for panel, field in zip(panels.flat, fields, strict=True):
        _draw_panel(panel, field, [(run, summary) for run, summary in results if field in run.overrides])
    panels[0, 0].set_ylabel("bits per dimension")
    figure.tight_layout()
    with open_atomic(path) as file:
        figure.savefig(file, format="png", dpi=120)
    plt.close(figure)


def _draw_panel(panel: Any, field: str, results: Results) -> None:
    values = [field_value(run, field) for run, _ in results]
    numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    names = {} if numeric else {str(value): place for place, value in enumerate(dict.fromkeys(map(str, values)))}

    def place(run: Run) -> float:
        value = field_value(run, field)
        return value if numeric else names[str(value)]

    def others(run: Run) -> str:
        return ", ".join(f"{name}={value}" for name, value in run.overrides.items() if name != field)

    for label, group in groupby(sorted(results, key=lambda r: (others(r[0]), place(r[0]))), lambda r: others(r[0])):
        line = list(group)
        x, bounds = [place(run) for run, _ in line], [summary.rates_bpd["elbo"] for _, summary in line]
        rates, errors = zip(*((s.rates_bpd["file"], s.errors_bpd["file"] or 0.0) for _, s in line), strict=True)
        (drawn, *_) = panel.errorbar(x, rates, yerr=errors, marker="o", capsize=3, label=label or "files")
        panel.plot(x, bounds, "--", color=drawn.get_color(), label="-ELBO" if not label else None)
    if names:
        panel.set_xticks(range(len(names)), [name[:20] for name in names], rotation=20)
    elif min(values) > 0 and max(values) / min(values) >= _LOG_FROM:
        panel.set_xscale("log")
    panel.set_xlabel(field)
    panel.legend(fontsize="small")

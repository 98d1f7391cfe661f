"""Rows of cells as text: the report of a sweep in Markdown with its plots, and the table that bench and docs show."""

from collections.abc import Collection
from pathlib import Path

from experiments.cases import Row
from experiments.coders.cells import GROUPS, Cell
from experiments.coders.plots import draw_grid, draw_kl, draw_time
from rec_jax.core.files import write_bytes_atomic

_TITLES = {
    "grid": "The authors' grid: Omega in nats, 1 + epsilon, beams; blocks of 1000",
    "irec": "iREC beyond the grid: 200 beams, other blocks",
    "tree": "The tree coder: candidates M a step and beams B",
    "coders": "Coders of whole layers on the synthetic targets",
    "kl": "Overhead against KL: D dims of equal KL",
    "few": "Coders of a few nats: `one_dim_K` is one dim of K nats, `three_dims_3` three dims of 1 nat each",
    "real": "Real posteriors: all layers of an image, one call each; index, K and total over the image's KL",
}
COLUMNS = {  # heading: (name in the row, factor, format)
    "KL, nats": ("kl_nats", 1.0, ".4g"),
    "index %": ("index_overhead", 100.0, ".1f"),
    "K %": ("k_overhead", 100.0, ".1f"),
    "total %": ("total_overhead", 100.0, ".1f"),
    "±": ("total_overhead_error", 100.0, ".1f"),
    "bits over KL": ("overhead_bits", 1.0, ".3g"),
    "KS": ("ks_distance", 1.0, ".3f"),
    "z2": ("z2", 1.0, ".3f"),
    "bits": ("sent_bits", 1.0, ".1f"),
    "encode s": ("encode_s", 1.0, ".3g"),
    "yardsticks": ("encode_yardsticks", 1.0, ".3g"),
    "CPU yardsticks": ("encode_cpu_yardsticks", 1.0, ".3g"),
    "ms/nat": ("encode_s_per_nat", 1e3, ".3g"),
    "decode s": ("decode_s", 1.0, ".2g"),
    "MB": ("memory_mb", 1.0, ".3g"),
    "targets": ("n_seeds", 1, "d"),
    "failures": ("failures", 1, "d"),
}
DEFINITIONS = """\
Overhead = (nats sent - log q(z)/p(z)) / KL, with z as the decoder draws it from the symbols alone: of the indices, of K
(the numbers of steps, under a model learned on other targets unless a quick run says otherwise), of both; ± is the
standard error of the total. KS: distance of Kolmogorov and Smirnov of z from q, where dims are few; z2 =
mean(((z - mu)/rho)^2), 1 for an exact sample. Times are of the encoder after compilation, one call after the other, by
the wall's clock; a yardstick is the time in which numpy draws 10^7 float32 normals, measured beside each row. CPU
yardsticks: CPU time of all cores over the yardstick's CPU time, which other
work on the machine stretches less. MB: what the encoder needs beside its arguments. A failure is a target that
overflowed; it counts in nothing else."""


def write_report(workdir: Path, rows: list[Row], missing: list[Cell], command: str) -> None:
    """report.md and its pictures in workdir; missing: cells of this command that have no row."""
    pictures = {
        "time.png": ("Overhead against time, and the Pareto front of all coders", draw_time),
        "kl.png": ("Overhead against KL, and the bounds", draw_kl),
        "grid.png": ("The authors' grid", draw_grid),
    }
    lines = ["# Sweep of the coders", "", f"    {command}", "", *where_lines(rows), "", DEFINITIONS, ""]
    for name, (title, draw) in pictures.items():
        if draw(rows, workdir / name):
            lines += [f"![{title}]({name})", ""]
    for group in GROUPS:
        lines += _section(group, [row for row in rows if row["group"] == group])
    if missing:
        lines += ["## Not run", "", *(f"- {c.group}: {c.target}, {c.setting}" for c in missing), ""]
    write_bytes_atomic(workdir / "report.md", "\n".join(lines).encode())


def markdown_table(rows: list[Row], columns: Collection[str] = ()) -> list[str]:
    """Lines of Markdown with all or some of COLUMNS."""
    names = list(columns or COLUMNS)
    lines = ["| target | coder | " + " | ".join(names) + " |", "|---|---|" + "---:|" * len(names)]
    lines += [f"| {row['target']} | {row['setting']} | {' | '.join(_cells(row, names))} |" for row in rows]
    return lines


def where_lines(rows: list[Row]) -> list[str]:
    """How many rows there are, and the machines, versions and commits that they were measured with."""
    devices = sorted({f"{row['device']}, jax {row['jax']}, commit {row['git']}" for row in rows})
    return [f"{len(rows)} rows, measured on:", "", *(f"- {device}" for device in devices)] if rows else ["Not run."]


def _section(group: str, rows: list[Row]) -> list[str]:
    if not rows:
        return []
    lines = [f"## {_TITLES[group]}", ""]
    if group == "real":
        lines += [f"{targets}." for targets in sorted({row["targets"] for row in rows})] + [""]
    if not any(row["n_learned_from"] for row in rows) and group != "few":
        lines += ["K is not learned here: a quick run codes it under the coder's own table.", ""]
    return [*lines, *markdown_table(rows), ""]


def _cells(row: Row, names: Collection[str] = COLUMNS.keys()) -> list[str]:
    fields = [COLUMNS[name] for name in names]
    return ["not run" if row[name] is None else format(factor * row[name], form) for name, factor, form in fields]

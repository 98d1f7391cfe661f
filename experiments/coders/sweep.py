"""Coders over their hyper-parameters, on synthetic targets and on real posteriors: overhead, time, sample quality.

python -m experiments.sweep_coders --workdir=runs/sweep_coders [--data_dir=DIR]   # all cells; resumes by itself
python -m experiments.sweep_coders --workdir=runs/sweep_coders --only=grid,real   # groups of cells
python -m experiments.sweep_coders --workdir=runs/quick --quick                   # the whole path, small, in minutes
python -m experiments.sweep_coders --workdir=runs/sweep_coders --render           # only tables and plots

Appends one JSON row per cell to WORKDIR/rows.jsonl, then writes report.md and its plots. Real posteriors are those of
--model on CIFAR10's first test images if --data_dir, a TFDS folder, is given, else on the embedded photographs.
"""

import argparse
import contextlib
from pathlib import Path

from experiments.cases import exit_code, rows_of, run_cases, split_names
from experiments.coders.cells import GROUPS, all_cells, quick_cells
from experiments.coders.posteriors import posterior_targets
from experiments.program import GOES_ON, at_least, ends_in_a_line
from experiments.progress import stage
from rec_jax.core.locks import locked


@ends_in_a_line("sweep_coders", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Measures what is missing and draws what is there; exit code 1 if a cell could not be measured."""
    arguments = _parse(argv)
    path = arguments.workdir / "rows.jsonl"
    posteriors = posterior_targets(arguments.model, arguments.data_dir, arguments.n_images)
    cells = (quick_cells if arguments.quick else all_cells)(posteriors)
    wanted = [cell for cell in cells if cell.group in arguments.only]
    with contextlib.nullcontext() if arguments.render else locked(arguments.workdir):
        failures = {} if arguments.render else run_cases(wanted, path)
        rows = rows_of(cells, path)
        with stage(f"drawing {arguments.workdir / 'report.md'}"):
            from experiments.coders.report import write_report

            missing = [c for c, row in zip(cells, rows, strict=True) if row is None and c.group in arguments.only]
            write_report(arguments.workdir, [row for row in rows if row], missing, _command(arguments))
    return exit_code("sweep_coders", failures)


def _command(arguments: argparse.Namespace) -> str:
    """The command that makes these rows; the folder of a named data set is the reader's own."""
    flags = [f"--workdir={arguments.workdir.name}"]
    flags += ["--quick"] * arguments.quick + ["--data_dir=DIR"] * bool(arguments.data_dir)
    flags += [f"--model={Path(arguments.model).name}", f"--n_images={arguments.n_images}"]
    if arguments.only != list(GROUPS):
        flags.append(f"--only={','.join(arguments.only)}")
    return "python -m experiments.sweep_coders " + " ".join(flags)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure coders over their hyper-parameters.")
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="the whole path on few small targets")
    parser.add_argument("--render", action="store_true", help="measure nothing, draw what is there")
    parser.add_argument("--only", default=",".join(GROUPS), help="groups of cells, joined by commas; default: all")
    parser.add_argument("--model", default="cifar10-rvae", help="name of a shipped model, or path")
    parser.add_argument("--data_dir", default="", help="TFDS folder with cifar10; default: the embedded photographs")
    parser.add_argument("--n_images", type=at_least(1), help="of the real posteriors; default: 24, quick: 2")
    arguments = parser.parse_args(argv)
    arguments.only = split_names(parser, arguments.only, GROUPS)
    if arguments.n_images is None:
        arguments.n_images = 2 if arguments.quick else 24
    return arguments

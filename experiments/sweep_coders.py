"""Coders over their hyper-parameters, on synthetic targets and on real posteriors: overhead, time, sample quality.

python -m experiments.sweep_coders --workdir=runs/sweep_coders [--data_dir=DIR]   # all cells; resumes by itself
python -m experiments.sweep_coders --workdir=runs/sweep_coders --only=grid,real   # groups of cells
python -m experiments.sweep_coders --workdir=runs/quick --quick                   # the whole path, small, in minutes
python -m experiments.sweep_coders --workdir=runs/sweep_coders --render           # only tables and plots

Appends one JSON row per cell to WORKDIR/rows.jsonl, then writes report.md and its plots. Real posteriors are those of
--model on CIFAR10's first test images if --data_dir, a TFDS folder, is given, else on the embedded photographs.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import jax

from experiments.bench_coder import in_yardsticks
from experiments.measure_coder import measure, yardstick
from experiments.progress import stage
from experiments.sweep_coders_cells import GROUPS, Cell, all_cells, quick_cells
from experiments.sweep_coders_posteriors import posterior_targets
from rec_jax.coders import make_coder
from rec_jax.core.compilation import enable_compilation_cache
from rec_jax.core.errors import RecError
from rec_jax.core.json_rows import read_rows, write_rows
from rec_jax.core.messages import one_line
from rec_jax.evaluate.run import provenance


def main(argv: list[str] | None = None) -> int:
    """Measures what is missing and draws; exit code 1 if a cell could not be measured."""
    arguments = _parse(argv)
    path = arguments.workdir / "rows.jsonl"
    try:
        posteriors = posterior_targets(arguments.model, arguments.data_dir, arguments.n_images)
        cells = (quick_cells if arguments.quick else all_cells)(posteriors)
        cells = [cell for cell in cells if cell.group in arguments.only]
        arguments.workdir.mkdir(parents=True, exist_ok=True)
        failures = {} if arguments.render else run_cells(cells, path)
        missing = [cell for cell in cells if identity(cell) not in {row["identity"] for row in read_rows(path)}]
        with stage(f"drawing {arguments.workdir / 'report.md'}"):
            from experiments.sweep_coders_report import write_report

            write_report(arguments.workdir, read_rows(path), missing, _command(arguments))
    except (RecError, OSError) as error:
        print(f"sweep_coders: {one_line(error)}", file=sys.stderr)
        return 1
    for name, reason in failures.items():
        print(f"sweep_coders: {name}: {reason}", file=sys.stderr)
    return int(bool(failures))


def identity(cell: Cell) -> str:
    """What a row is a measurement of: a cell with the same identity is not measured again."""
    return repr(
        (cell.group, cell.target, cell.targets, sorted(cell.options.items()), cell.n_seeds, cell.n_learned_from)
    )


def run_cells(cells: list[Cell], path: Path) -> dict[str, str]:
    """Appends a row for each cell that has none; returns name and reason of those that could not be measured."""
    rows, failures = read_rows(path), {}
    done = {row["identity"] for row in rows}
    write_rows(path, rows)  # without a last row that a kill cut off
    left = [cell for cell in cells if identity(cell) not in done]
    print(f"{len(cells)} cells, {len(cells) - len(left)} of them done before", flush=True)
    with path.open("a", encoding="utf-8") as out:
        for number, cell in enumerate(left, 1):
            name = f"{cell.target}, {cell.setting}"
            with stage(f"[{number} of {len(left)}] {cell.group}: {name}"):
                try:
                    row = measure_cell(cell)
                except (RecError, jax.errors.JaxRuntimeError) as error:  # an impossible coder; out of memory
                    failures[name] = one_line(error)
                    continue
            out.write(json.dumps(row) + "\n")
            out.flush()
            print("    " + _line(row), flush=True)
    return failures


def measure_cell(cell: Cell) -> dict[str, Any]:
    """One row: what was measured, on what, and where."""
    coder = make_coder(**cell.options)
    unit = yardstick()
    row = measure(cell.targets, coder, cell.n_seeds, n_learned_from=cell.n_learned_from)
    del row["compile_s"]  # the compilation cache, which makes a resumed run short, would be what it measures
    return {
        "identity": identity(cell),
        "group": cell.group,
        "target": cell.target,
        "setting": cell.setting,
        "targets": repr(cell.targets),
        "kind": cell.options["kind"],
        "options": cell.options,
        "n_learned_from": cell.n_learned_from,
        **row,
        **in_yardsticks(row, unit),
        **provenance(coder),
    }


def _line(row: dict[str, Any]) -> str:
    if row["total_overhead"] is None:
        return f"all {row['failures']} targets overflowed"
    return (
        f"total {100 * row['total_overhead']:.1f}% of {row['kl_nats']:.4g} nats, {row['encode_s']:.3g} s, "
        f"{row['encode_yardsticks']:.2g} yardsticks, z2 {row['z2']:.2f}, {row['failures']} failures"
    )


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
    parser.add_argument("--model", default="cifar10-small", help="name of a shipped model, or path")
    parser.add_argument("--data_dir", default="", help="TFDS folder with cifar10; default: the embedded photographs")
    parser.add_argument("--n_images", type=int, help="test images of the real posteriors; default: 24, quick: 2")
    arguments = parser.parse_args(argv)
    arguments.only = arguments.only.split(",")
    if unknown := sorted(set(arguments.only) - set(GROUPS)):
        parser.error(f"--only={unknown[0]}: have {', '.join(GROUPS)}")
    if arguments.n_images is None:
        arguments.n_images = 2 if arguments.quick else 24
    return arguments


if __name__ == "__main__":
    enable_compilation_cache()
    sys.exit(main())

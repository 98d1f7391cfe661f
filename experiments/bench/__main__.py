"""Speed and bits of the coders, the codec, the network, training and the command, on this machine.

make bench   # python -m experiments.bench [--only coder,vmap,codec,sizes,network,training,command] [--quick]

Prints as it goes and appends a row to runs/bench/rows.jsonl after every measurement; a run that was stopped goes on
where it was, and --again measures anew. The rows of earlier commits stay, and --history shows them all, by commit.
Timings are after compilation unless they say otherwise; the persistent compilation cache is off, but for the part
`command`, which measures it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from experiments.bench.codec import codec_case
from experiments.bench.command import command_case
from experiments.bench.history import history_lines
from experiments.bench.network import network_cases
from experiments.bench.sizes import size_cases
from experiments.bench.training import training_cases
from experiments.bench.vmap import vmap_cases
from experiments.cases import Case, exit_code, rows_of, run_cases, split_names
from experiments.coders.cells import bench_cells
from experiments.coders.report import DEFINITIONS, markdown_table
from experiments.program import GOES_ON, ends_in_a_line
from rec_jax.codec.model_file import find_model_path
from rec_jax.core.json_rows import read_rows

PARTS = ("coder", "vmap", "codec", "sizes", "network", "training", "command")


@ends_in_a_line("bench", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Runs the chosen parts; exit code 1 if something could not be measured, the rest is measured all the same."""
    arguments = _parse(argv)
    path, failures = arguments.out / "rows.jsonl", {}
    if arguments.history:
        print("\n".join(history_lines(read_rows(path))) or f"{path} has no rows yet; run make bench")
        return 0
    for part in arguments.only:
        print(f"[{part}]", flush=True)
        cases = part_cases(part, arguments.model, arguments.quick)
        for case, row in zip(cases, rows_of(cases, path), strict=True):
            if row and part != "coder" and not arguments.again:
                print(f"{case.title}, measured before: {case.line(row)}")
        failures |= run_cases(cases, path, arguments.again)
        if part == "coder":
            rows = [row for row in rows_of(cases, path) if row]
            print("\n".join([*markdown_table(rows), DEFINITIONS]))
    print(f"written: {path}")
    return exit_code("bench", failures)


def part_cases(part: str, model: str, quick: bool) -> Sequence[Case]:
    """What a part measures."""
    match part:
        case "coder":
            return bench_cells(quick)
        case "vmap":
            return vmap_cases(quick)
        case "codec":
            return [codec_case(model, quick)]
        case "sizes":
            return size_cases(model, quick)
        case "network":
            return network_cases(model, quick)
        case "training":
            return training_cases(quick)
        case "command":
            return [command_case(model, quick)]
        case _:
            raise ValueError(part)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.bench", description="Measure coders, codec, network and command on this machine."
    )
    parser.add_argument("--only", default=",".join(PARTS), help="parts, joined by commas; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="smallest sizes, seconds in all: does it run?")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--history", action="store_true", help="only show what was measured so far, by commit")
    parser.add_argument("--model", default="cifar10-rvae", help="name of a shipped model, or path")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    arguments = parser.parse_args(argv)
    arguments.only = split_names(parser, arguments.only, PARTS)
    if not arguments.history and set(arguments.only) - {"coder", "vmap", "training"}:
        find_model_path(arguments.model)  # one that is not there is told now, not by every part that needs it
    return arguments


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)
    sys.exit(main())

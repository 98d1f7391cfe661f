"""Pictures of every kind and size through rec-jax: no file larger than a WebP, seconds, memory.

python -m experiments.pictures [--only synthetic,processes] [--quick] [--again] [PICTURE ...]

synthetic: pictures that no camera took, from 1x1 to 4000x3000, against lossless WebP (method 6, quality 100; of large
noise quality 75) or, of 16 bits, PNG; ends with exit code 1 if a file is more than 64 bytes larger.
processes: PICTUREs, an embedded photograph enlarged, with noise, to sizes up to 4000x3000, and drawings, each
compressed and decompressed by new processes.

Prints as it goes and appends to runs/pictures/rows.jsonl; a run that was stopped goes on where it was.
"""

import argparse
import sys
from pathlib import Path

from experiments.cases import Case, exit_code, rows_of, run_cases, split_names
from experiments.pictures.compare import MOST_BEHIND, CompareCase
from experiments.pictures.processes import process_cases
from experiments.pictures.synthetic import SYNTHETIC
from experiments.program import GOES_ON, at_least, check_files, ends_in_a_line

PARTS = ("synthetic", "processes")
_QUICK_PIXELS = ("1x1", "8x8", "32x32", "64x64")


@ends_in_a_line("pictures", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Runs the parts; the exit code."""
    arguments = _parse(argv)
    check_files(*arguments.pictures)
    path, failures = arguments.out / "rows.jsonl", {}
    for part in arguments.only:
        print(f"[{part}]", flush=True)
        cases = _cases(part, arguments)
        failures |= run_cases(cases, path, arguments.again)
        for case, row in zip(cases, rows_of(cases, path), strict=True):
            if row and part == "synthetic" and row["bytes"] > row["rival_bytes"] + MOST_BEHIND:
                failures[case.title] = case.line(row)
    print(f"written: {path}")
    return exit_code("pictures", failures)


def _cases(part: str, arguments: argparse.Namespace) -> list[Case]:
    if part == "processes":
        return list(process_cases(arguments.pictures, arguments.n_calls, arguments.quick))
    names = [name for name in SYNTHETIC if not arguments.quick or name.endswith(_QUICK_PIXELS)]
    return [CompareCase(name) for name in names]


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m experiments.pictures", description="Pictures of every kind and size through rec-jax."
    )
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help="for the part processes")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, joined by commas; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="smallest pictures only: does it run?")
    parser.add_argument("--again", action="store_true", help="measure also what was measured before")
    parser.add_argument("--n_calls", type=at_least(1), default=3, help="processes per picture; the best counts")
    parser.add_argument("--out", type=Path, default=Path("runs/pictures"))
    arguments = parser.parse_args(argv)
    arguments.only = split_names(parser, arguments.only, PARTS)
    return arguments


if __name__ == "__main__":
    sys.exit(main())

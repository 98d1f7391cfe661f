"""The tables of docs/CODERS.md: what every coder does on small targets and on those of whole layers, as measured here.

    python -m experiments.coder_table [--only=few,layers] [--n_calls=1000] [--n_targets=8] [--write]

few: the coders of a few nats on one-dimensional targets, n_calls each: bits, bias, time.  layers: beam search and the
tree coder on n_targets fresh targets of each family of targets.py: overhead, time, memory. --write puts the tables
between their markers in docs/CODERS.md; without it they are printed. Rows are kept in --workdir: a killed run resumes.
"""

import argparse
from pathlib import Path

from experiments.cases import Row, exit_code, rows_of, run_cases, split_names
from experiments.coders.cells import few_table_cells, layer_table_cells
from experiments.coders.report import DEFINITIONS, markdown_table, where_lines
from experiments.coders.targets import GAUSSIANS
from experiments.program import GOES_ON, at_least, ends_in_a_line
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.locks import locked

MARKERS = {
    "few": ("<!-- coder_table -->", "<!-- /coder_table -->"),
    "layers": ("<!-- layer_table -->", "<!-- /layer_table -->"),
}
_COLUMNS = {
    "few": ("KL, nats", "bits", "KS", "encode s", "decode s", "targets", "failures"),
    "layers": ("KL, nats", "index %", "K %", "total %", "±", "bits over KL", "yardsticks", "CPU yardsticks", "MB",
               "targets", "failures"),
}  # fmt: skip
_GAUSSIANS = ", ".join(f"{name} N({q.mu}, {q.rho}²)" for name, q in GAUSSIANS.items())
_CAPTIONS = {
    "few": f"Under p = N(0, 1): {_GAUSSIANS}, a key of its own for each of n calls. An exact coder's KS distance is "
    f"below 1.63 / sqrt(n) with probability 99%. {DEFINITIONS}",
    "layers": DEFINITIONS,
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "CODERS.md"


@ends_in_a_line("coder_table", GOES_ON)
def main(argv: list[str] | None = None) -> int:
    """Measures what is missing, and prints or writes; exit code 1 if a cell could not be measured."""
    arguments = _parse(argv)
    failures: dict[str, str] = {}
    with locked(arguments.workdir):
        for name in arguments.only:
            cells = few_table_cells(arguments.n_calls) if name == "few" else layer_table_cells(arguments.n_targets)
            path = arguments.workdir / "rows.jsonl"
            failures |= run_cases(cells, path)
            text = table_text(name, [row for row in rows_of(cells, path) if row])
            if arguments.write:
                page = between_markers(PAGE.read_text(encoding="utf-8"), name, text)
                write_bytes_atomic(PAGE, page.encode())
            else:
                print(text)
    return exit_code("coder_table", failures)


def table_text(name: str, rows: list[Row]) -> str:
    """One of the tables in Markdown, with what its numbers are and where they were measured."""
    return "\n".join([*where_lines(rows), "", _CAPTIONS[name], "", *markdown_table(rows, _COLUMNS[name])])


def between_markers(page: str, name: str, text: str) -> str:
    """The page with this text as its table `name`."""
    start, end = MARKERS[name]
    head, rest = page.split(start)
    return f"{head}{start}\n{text}\n{end}{rest.split(end)[1]}"


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(MARKERS), help="tables, joined by commas; default: %(default)s")
    parser.add_argument("--n_calls", type=at_least(2), default=1000)
    parser.add_argument("--n_targets", type=at_least(2), default=8)
    parser.add_argument("--workdir", type=Path, default=Path("runs/coder_table"), help="where the rows are kept")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args(argv)
    arguments.only = split_names(parser, arguments.only, MARKERS)
    return arguments

"""Measurements one by one: each writes a row when done, a killed run resumes, a failure does not stop the rest."""

import argparse
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import jax

from experiments.progress import stage
from rec_jax.core.errors import RecError
from rec_jax.core.json_rows import read_rows
from rec_jax.core.messages import one_line
from rec_jax.core.rows import make_stamp, open_rows, row_id

Row = dict[str, Any]
FAILURES = (RecError, OSError, jax.errors.JaxRuntimeError)  # an impossible coder, a missing model, too little memory


class Case(Protocol):
    """One measurement. title: what a person sees, of no other case."""

    title: str

    def key(self) -> dict[str, Any]:
        """Everything that the row depends on, as plain values; a RecError says why it cannot be measured."""

    def measure(self) -> Row:
        """What the row holds, as plain values."""

    def line(self, row: Row) -> str:
        """The row in a few words."""


def run_cases(cases: Sequence[Case], path: Path, again: bool = False) -> dict[str, str]:
    """Appends a row for each case that has none (again: for every case); returns title and reason of the failures."""
    ids, failures = _ids(cases)
    stamp = make_stamp()
    with open_rows(path) as log:
        done = set() if again else {row["id"] for row in log.rows}
        left = [(case, ids[case.title]) for case in cases if case.title in ids and ids[case.title] not in done]
        print(f"{len(cases)} cases, {len(ids) - len(left)} of them done before", flush=True)
        for number, (case, case_id) in enumerate(left, 1):
            try:
                with stage(f"[{number} of {len(left)}] {case.title}"):
                    row = json.loads(json.dumps(case.measure()))
            except FAILURES as error:
                failures[case.title] = one_line(error)
                continue
            log.append({"id": case_id, **row, **stamp()})
            print("    " + case.line(row), flush=True)
    return failures


def exit_code(program: str, failures: Mapping[str, str]) -> int:
    """1 if there are failures, each told in a line on stderr, else 0."""
    for title, reason in failures.items():
        print(f"{program}: {title}: {reason}", file=sys.stderr)
    return int(bool(failures))


def rows_of(cases: Sequence[Case], path: Path) -> list[Row | None]:
    """The newest row of each case as it would be measured today; None where there is none."""
    of_id, (ids, _) = {row["id"]: row for row in read_rows(path)}, _ids(cases)
    return [of_id.get(ids.get(case.title)) for case in cases]


def _ids(cases: Sequence[Case]) -> tuple[dict[str, str], dict[str, str]]:
    """(title: id, title: why it cannot be measured)."""
    ids, failures = {}, {}
    for case in cases:
        try:
            ids[case.title] = row_id(case.key())
        except FAILURES as error:
            failures[case.title] = one_line(error)
    return ids, failures


def numbers_line(row: Row) -> str:
    """The numbers of a row by name."""
    return ", ".join(f"{name} {value:.4g}" for name, value in row.items() if isinstance(value, int | float))


def split_names(parser: argparse.ArgumentParser, names: str, known: Collection[str]) -> list[str]:
    """The words of --only; the parser ends the program with what there is for one that is unknown."""
    words = names.split(",")
    if unknown := sorted(set(words) - set(known)):
        parser.error(f"--only={unknown[0]}: have {', '.join(known)}")
    return words

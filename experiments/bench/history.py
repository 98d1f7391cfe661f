"""What the benchmark has measured so far, by commit: rows.jsonl keeps every row that was ever measured."""

from collections.abc import Iterator, Sequence

from experiments.cases import Row

_UNITS = ("_s", "_bits", "_bpd", "_overhead", "_ratio")  # how the names of numbers end that a commit may change


def history_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Per title a line for each of its rows, oldest first: date, commit, device and numbers."""
    for title in dict.fromkeys(name_of(row) for row in rows):
        yield title
        for row in (row for row in rows if name_of(row) == title):
            numbers = (
                f"{name} {value:.4g}"
                for name, value in row.items()
                if name.endswith(_UNITS) and isinstance(value, int | float)
            )
            yield f"    {row['date']}  {row['git']}  {row['device']}: {', '.join(numbers)}"


def name_of(row: Row) -> str:
    """What the row is of: a case's title, also of a cell's."""
    return row.get("title") or f"{row['group']}: {row['target']}, {row['setting']}"

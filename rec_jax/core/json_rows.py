"""Rows of results as JSON Lines: appended one by one, whole again after a kill."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import write_bytes_atomic


def read_rows(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The complete rows of a file, [] if there is none; a last line that was cut by a kill is dropped.

    Raises CorruptFile naming another line that is not JSON.
    """
    if not Path(path).is_file():
        return []
    lines = Path(path).read_bytes().split(b"\n")[:-1]  # the rest is empty or incomplete
    return [_parsed(line, number, path) for number, line in enumerate(lines, 1)]


def _parsed(line: bytes, number: int, path: str | os.PathLike) -> dict[str, Any]:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise CorruptFile(
            f"{path}: line {number} is damaged; delete that line, and its row is measured again"
        ) from None


def write_rows(path: str | os.PathLike, rows: Iterable[dict[str, Any]]) -> None:
    """Replaces a file by these rows, whole or not at all; more may be appended."""
    write_bytes_atomic(path, "".join(json.dumps(row) + "\n" for row in rows).encode())

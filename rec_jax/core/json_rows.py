"""Rows of results as JSON Lines: appended one by one, whole again after a kill."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rec_jax.core.files import write_bytes_atomic


def read_rows(path: str | os.PathLike) -> list[dict[str, Any]]:
    """The complete rows of a file, [] if there is none; a last line that was cut by a kill is dropped."""
    if not Path(path).is_file():
        return []
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[:-1]]  # what follows the last newline is empty or incomplete


def write_rows(path: str | os.PathLike, rows: Iterable[dict[str, Any]]) -> None:
    """Replaces a file by these rows, whole or not at all; more may be appended."""
    write_bytes_atomic(path, "".join(json.dumps(row) + "\n" for row in rows).encode())

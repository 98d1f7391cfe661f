"""How long the models of each row learned, beside those of its paper: facts of the model cards (docs/MODELS.md)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rec_jax.core.files import read_bytes

TRAININGS = Path(__file__).resolve().parents[1] / "reference" / "trainings.json"
_UNKNOWN = "not known: no model that ships"


def trainings(rows: Sequence[dict[str, Any]], path: Path = TRAININGS) -> list[dict[str, Any]]:
    """Per row of the table with a measured model: its title, {model: words}, and the published words ('' for none)."""
    known = json.loads(read_bytes(path, 2**20))
    found = []
    for row in rows:
        measured = [m for cell in row["cells"].values() for m in cell["measured"] if m["model"]]
        models = {m["model"]: known["shipped"].get(m["model"], _UNKNOWN) for m in measured}
        if models:
            found.append({"row": row["title"], "here": models, "published": known["published"].get(row["id"], "")})
    return found


def training_lines(table: dict[str, Any]) -> list[list[str]]:
    """As lines of a table, the heading first."""
    lines = [["row", "learned here", "published"]]
    for entry in table["trainings"]:
        here = "; ".join(f"`{model}`: {words}" for model, words in entry["here"].items())
        lines.append([entry["row"], here, entry["published"] or "–"])
    return lines

"""From the plan and its rows to the table as plain values: what table1.json holds and everything else is drawn from."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.table1.cells import Cell
from experiments.table1.checks import make_checks
from experiments.table1.coder_losses import bits_back_details, coder_losses
from experiments.table1.columns import TITLES
from experiments.table1.rows import Row
from experiments.table1.run import Plan
from experiments.table1.trainings import trainings
from rec_jax.core.estimates import ratio
from rec_jax.core.files import read_bytes

PUBLISHED = Path(__file__).resolve().parents[1] / "reference" / "table1.json"


def read_published(path: Path = PUBLISHED) -> dict[str, Any]:
    """{'source', 'unit', 'rows': {title: {column: {'single' | 'asymptotic' | 'bound': bits/dim}}}}."""
    return json.loads(read_bytes(path, 2**20))


def make_table(plan: Plan, rows: Sequence[Row], workdir: Path) -> dict[str, Any]:
    """The whole result; a number that was not measured is not in it, and `not_run` says why."""
    published = read_published()
    measured = {cell: found for cell in plan.cells if (found := cell.rows(workdir))}
    losses = coder_losses(measured, published["rows"])
    cells = [_row(row, plan, measured, published["rows"]) for row in rows]
    return {
        "table": "Table 1: lossless compression, bits per dimension",
        "command": plan.command,
        "config": plan.config,
        "published_source": published["source"],
        "unit": published["unit"],
        "columns": {column: _column(column, plan.cells) for column in TITLES},
        "rows": cells,
        "trainings": trainings(cells),
        "coder_losses": losses,
        "bits_back": bits_back_details(measured),
        "checks": make_checks(measured, losses),
        "images": {column: _images(column, rows, measured)[: plan.config["n_samples"]] for column in TITLES},
    }


def _column(column: str, cells: Sequence[Cell]) -> dict[str, Any]:
    mine = [cell for cell in cells if cell.column == column]
    return {
        "title": TITLES[column],
        "data": sorted({cell.data for cell in mine}),
        "stand_in": next((cell.stand_in for cell in mine if cell.stand_in), ""),
    }


def _row(row: Row, plan: Plan, measured: dict[Cell, list], published: dict[str, Any]) -> dict[str, Any]:
    known = published.get(row.published, {})
    return {"id": row.id, "title": row.title, "cells": {c: _cell(row, c, plan, measured, known) for c in TITLES}}


def _cell(row: Row, column: str, plan: Plan, measured: dict[Cell, list], known: dict[str, Any]) -> dict[str, Any]:
    where = f"{column}/{row.id}"
    mine = {cell: rows for cell, rows in measured.items() if cell.where() == where and cell.main}
    reason = "a published row" if row.method is None else plan.not_run.get(where, "" if mine else "not started")
    n_learned = plan.config.get(column, {}).get("n_learned", 0)
    return {
        "published": known.get(column, {}),
        "measured": [_measured(row, cell, rows, plan.commands[where], n_learned) for cell, rows in mine.items()],
        "not_run": reason,
    }


def _measured(row: Row, cell: Cell, rows: list[dict[str, Any]], command: str, n_learned: int) -> dict[str, Any]:
    compared = rows[:n_learned] if 0 < n_learned < len(rows) else []
    return {
        **_rates(row, rows),
        "of_learned_images": {"n_images": n_learned, **_rates(row, compared)} if compared else None,
        "data": cell.data,
        "stand_in": cell.stand_in,
        "model": cell.model,
        "crop": cell.crop,
        "n_images": len(rows),
        "n_images_wanted": cell.n_images,
        "made_by": cell.made_by,
        "command": command,
        "rows": f"rows/{cell.rows_name}.jsonl",
        **{name: sorted({str(r[name]) for r in rows if name in r}) for name in ("git", "device", "python", "jax")},
        "date": [min(r["date"] for r in rows), max(r["date"] for r in rows)],
    }


def _rates(row: Row, rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """A method's means over images and their standard errors."""
    n_dims = [r["n_dims"] for r in rows]
    alone = [row.method.image_rate(r) * r["n_dims"] for r in rows]
    values = row.method.rates(rows)
    bits = {name: [r["net_bits"] for r in rows] if name == "asymptotic" else alone for name in values}
    return {"bpd": values, "bpd_error": {name: ratio(of_images, n_dims).error for name, of_images in bits.items()}}


def _images(column: str, rows: Sequence[Row], measured: dict[Cell, list]) -> list[dict[str, Any]]:
    """Per image, the rates of every row that coded it, for the bars of the page."""
    of_image: dict[int, dict[str, float]] = {}
    for row in rows:
        cells = [cell for cell in measured if cell.where() == f"{column}/{row.id}" and cell.main]
        for cell in cells:
            title = " ".join([row.title, *([cell.model] if len(cells) > 1 else []), *([crop_words(cell.crop)])]).strip()
            for r in measured[cell]:
                of_image.setdefault(r["image"], {})[title] = row.method.image_rate(r)
    return [{"image": image, "bpd": of_image[image]} for image in sorted(of_image)]


def crop_words(crop: int) -> str:
    """What stands beside a number of crops."""
    return f"({crop}x{crop} centre crops)" if crop else ""

"""Plans and measures the cells, and keeps in WORKDIR/cells.json what belongs to the table."""

import dataclasses
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.cases import FAILURES
from experiments.table1.cells import Cell, Job
from experiments.table1.columns import Column
from experiments.table1.rows import Row
from rec_jax.codec.image_io import write_png
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile, RecError
from rec_jax.core.files import read_bytes, write_bytes_atomic
from rec_jax.core.messages import one_line

_SAMPLE_SIDE = 192  # pixels of the longer side of a picture on the page


@dataclasses.dataclass
class Plan:
    """Which cells make the table, and why others were not run; its file is all that drawing needs besides the rows."""

    command: str = ""
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    cells: list[Cell] = dataclasses.field(default_factory=list)
    not_run: dict[str, str] = dataclasses.field(default_factory=dict)  # 'column/row' -> reason
    commands: dict[str, str] = dataclasses.field(default_factory=dict)  # 'column/row' -> what measures it alone

    def write(self, workdir: Path) -> None:
        """WORKDIR/cells.json."""
        workdir.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(workdir / "cells.json", (json.dumps(dataclasses.asdict(self), indent=1) + "\n").encode())

    def take_config(self, config: dict[str, Any]) -> None:
        """Sets the config; ConfigError if the cells that are there were measured with another one."""
        if self.config and self.config != config:
            fields = [name for name in config if config[name] != self.config.get(name)]
            raise ConfigError(
                f"WORKDIR holds a table of another config ({', '.join(fields)} differ); "
                f"--only adds to a table: give its config or another --workdir"
            )
        self.config = config

    def forget(self, where: str) -> None:
        """Drops what an earlier run planned for 'column/row'."""
        self.cells = [cell for cell in self.cells if cell.where() != where]
        self.not_run.pop(where, None)


def read_plan(workdir: Path) -> Plan:
    """Raises MissingFile if nothing was run in workdir."""
    path = workdir / "cells.json"
    if not path.is_file():
        raise MissingFile(f"no {path}; run the table there first, without --render")
    try:
        fields = json.loads(read_bytes(path, 2**28))
        return Plan(**{**fields, "cells": [Cell(**cell) for cell in fields["cells"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFile(
            f"{path} is damaged, or of another version of the table ({one_line(error)}); delete it and run the same "
            f"command: measured rows are kept"
        ) from None


def chosen(only: str, rows: Sequence[Row], columns: Sequence[Column]) -> list[tuple[Row, Column]]:
    """The pairs that --only names, joined by commas: a column, a row or column/row; '' names all. Column by column.

    Raises ConfigError for a name that is none of these.
    """
    pairs = [(row, column) for column in columns for row in rows]
    words = [word.strip() for word in only.split(",") if word.strip()]
    names = {name for row, column in pairs for name in (row.id, column.id, f"{column.id}/{row.id}")}
    if unknown := next((word for word in words if word not in names), None):
        known = ", ".join([*(column.id for column in columns), *(row.id for row in rows)])
        raise ConfigError(f"--only={unknown}: have {known}, or a pair of them such as kodak/png")
    return [(r, c) for r, c in pairs if not words or {r.id, c.id, f"{c.id}/{r.id}"} & set(words)]


def plan_jobs(plan: Plan, pairs: Iterable[tuple[Row, Column]], command: str, say: Callable[[str], None]) -> list[Job]:
    """What is to be measured; adds the cells to the plan, and the reasons where something is missing."""
    jobs = []
    for row, column in pairs:
        where = f"{column.id}/{row.id}"
        plan.forget(where)
        if row.method is None:
            continue
        plan.commands[where] = f"{command} --only={where}"
        try:
            for job in row.method.jobs(column):  # those before a model that is not there are run
                plan.cells.append(job.cell)
                jobs.append(job)
        except (RecError, OSError) as error:
            plan.not_run[where] = without_folders(one_line(error))
            say(f"{where}: not run: {one_line(error)}")
    return jobs


def run_jobs(
    plan: Plan, jobs: Sequence[Job], workdir: Path, say: Callable[[str], None], draw: Callable[[], None]
) -> int:
    """Measures what is missing and draws after every cell; returns how many cells failed.

    A failure of the input, of the machine or of another program is told, noted in the plan, and does not stop the
    others; a mistake in this one does.
    """
    n_failed = 0
    for number, job in enumerate(jobs, 1):
        say(f"[{number}/{len(jobs)}] {job.cell.where()} {job.cell.model} {job.cell.data}")
        try:
            job.run(workdir)
        except FAILURES as error:
            n_failed += 1
            plan.not_run[job.cell.where()] = f"failed: {without_folders(one_line(error))}"
            plan.write(workdir)
            print(f"table1: {job.cell.where()}: {one_line(error)}", file=sys.stderr)
        draw()
    return n_failed


def write_samples(columns: Iterable[Column], n_samples: int, workdir: Path) -> None:
    """The first images of every column that has data, small, for the page: WORKDIR/samples/COLUMN-000.png, ..."""
    (workdir / "samples").mkdir(parents=True, exist_ok=True)
    for column in columns:
        try:
            images = column.classical_images()
        except RecError:
            continue
        for i in range(min(n_samples, len(images))):
            picture = Image.fromarray(images[i])
            picture.thumbnail((_SAMPLE_SIDE, _SAMPLE_SIDE))
            write_png(sample_path(workdir, column.id, i), np.asarray(picture))


def sample_path(workdir: Path, column: str, image: int) -> Path:
    """Where a picture for the page lies."""
    return workdir / "samples" / f"{column}-{image:03d}.png"


def public_command(workdir: Path, words: Sequence[str], has_data_dir: bool, has_kodak_dir: bool) -> str:
    """The command that measures the table, with placeholders where this machine's folders were."""
    folder = "WORKDIR" if workdir.is_absolute() else str(workdir)
    options = [f"--workdir={folder}"]
    options += ["--data_dir=DIR"] * has_data_dir + ["--kodak_dir=FOLDER"] * has_kodak_dir
    return " ".join(["python -m experiments.table1", *options, *map(without_folders, words)])


def without_folders(word: str) -> str:
    """`word` with the folders of absolute paths replaced by PATH."""
    return re.sub(r"(?<![\w.])/(?:[^/,\s=]+/)*", "PATH/", word)


def public_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config as plain values, without the folders of this machine."""
    return {name: _public_value(value) for name, value in config.items()}


def _public_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return public_config(value)
    return without_folders(value) if isinstance(value, str) else value

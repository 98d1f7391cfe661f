"""One measured number of the table: what it is of, and the file with one row per image that it is the mean of."""

import dataclasses
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from rec_jax.core.json_rows import read_rows
from rec_jax.core.rows import make_stamp, open_rows, row_id

ROOT = Path(__file__).resolve().parents[2]
Stamp = Callable[[], dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class Cell:
    """Where a number stands in the table and what it is of. Plain values: it goes into cells.json and comes back."""

    row: str
    column: str
    data: str  # what the images are called
    stand_in: str  # '' or what must stand beside the number
    made_by: str  # the program or the coder with all its settings
    n_images: int  # that are wanted
    rows_name: str  # of the file of rows, which names everything that they depend on
    model: str = ""
    weights: str = ""  # digest of the model file: cells are compared where this is equal, whatever the file's name is
    crop: int = 0  # side of the centre crops that were coded; 0: whole images
    main: bool = True  # False: measured for a comparison, and not shown in the table itself

    def where(self) -> str:
        """'column/row', as --only takes it."""
        return f"{self.column}/{self.row}"

    def rows(self, workdir: Path) -> list[dict[str, Any]]:
        """What has been measured so far, one row per image, in the order of the images."""
        of_image = {row["image"]: row for row in read_rows(rows_path(workdir, self.rows_name))}
        return [of_image[image] for image in sorted(of_image) if image < self.n_images]


@dataclasses.dataclass(frozen=True)
class Job:
    """A cell and how to measure it: measure(path, stamp, progress) appends the rows that `path` lacks.

    stamp: gives fields for a row when it is measured.  progress: takes the number of images done since its last call.
    """

    cell: Cell
    measure: Callable[[Path, Stamp, Callable[[int], None]], None]

    def run(self, workdir: Path) -> None:
        """Measures what is missing."""
        path = rows_path(workdir, self.cell.rows_name)
        n_done = len(self.cell.rows(workdir))
        if n_done == self.cell.n_images:
            return
        every_s = 0.5 if sys.stderr.isatty() else 10.0
        title = " ".join(filter(None, (self.cell.where(), self.cell.model)))
        bar = tqdm(desc=title, total=self.cell.n_images, initial=n_done, unit="image", mininterval=every_s)
        with bar:
            self.measure(path, make_stamp(), bar.update)


def rows_path(workdir: Path, rows_name: str) -> Path:
    """WORKDIR/rows/NAME.jsonl."""
    return workdir / "rows" / f"{rows_name}.jsonl"


def rows_name(column: str, row: str, key: Mapping[str, Any]) -> str:
    """A file's name from everything that its rows depend on."""
    return f"{column}-{row}-{row_id(key)}"


def append_missing(path: Path, n_images: int, measure_one: Callable[[int], Mapping[str, Any]], stamp, progress) -> None:
    """Rows {'image': i, **measure_one(i), **stamp()} for every i below n_images that the file lacks, one by one."""
    with open_rows(path) as log:
        done = {row["image"] for row in log.rows}
        for i in (i for i in range(n_images) if i not in done):
            log.append({"image": i, **measure_one(i), **stamp()})
            progress(1)

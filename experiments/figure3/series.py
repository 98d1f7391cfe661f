"""What was measured of one method, and WORKDIR/series.json, which says what belongs to the figure."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.table1.cells import rows_path
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile
from rec_jax.core.files import read_bytes, write_bytes_atomic
from rec_jax.core.json_rows import read_rows
from rec_jax.core.messages import one_line

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Series:
    """One method on the figure's pictures. Plain values: it goes into series.json and comes back.

    rows_name: of the file of rows and of the folder of files, which names all that they depend on.
    """

    id: str
    title: str
    ours: bool
    setting_name: str
    settings: tuple[float, ...]
    suffix: str
    made_by: str
    rows_name: str

    def rows(self, workdir: Path) -> list[Row]:
        """What has been measured, with the settings that are wanted, in no order."""
        return [row for row in read_rows(rows_path(workdir, self.rows_name)) if row["setting"] in self.settings]

    def file_path(self, workdir: Path, picture: str, setting: float) -> Path:
        """Where the file of a picture lies."""
        return workdir / "files" / self.rows_name / f"{picture}-{setting:g}{self.suffix}"


@dataclasses.dataclass
class Plan:
    """All that drawing needs besides rows and files. not_run: method -> reason."""

    command: str = ""
    data: str = ""
    stand_in: str = ""
    digest: str = ""  # of the pictures
    pictures: list[str] = dataclasses.field(default_factory=list)
    series: list[Series] = dataclasses.field(default_factory=list)
    not_run: dict[str, str] = dataclasses.field(default_factory=dict)

    def write(self, workdir: Path) -> None:
        """WORKDIR/series.json."""
        workdir.mkdir(parents=True, exist_ok=True)
        write_bytes_atomic(workdir / "series.json", (json.dumps(dataclasses.asdict(self), indent=1) + "\n").encode())

    def forget(self, method: str) -> None:
        """Drops what an earlier run planned for a method."""
        self.series = [series for series in self.series if series.id != method]
        self.not_run.pop(method, None)

    def complete(self, methods: Sequence[str]) -> None:
        """Puts the series in the figure's order, those of methods that are no more last, and names what lacks one."""
        planned = {series.id for series in self.series}
        self.not_run = {name: "not started" for name in methods if name not in planned} | self.not_run
        self.series.sort(key=lambda series: methods.index(series.id) if series.id in methods else len(methods))

    def take_pictures(self, data: str, stand_in: str, digest: str, names: tuple[str, ...]) -> None:
        """Sets the pictures; ConfigError if what is there was measured on others."""
        if self.digest not in ("", digest):
            raise ConfigError(f"WORKDIR holds a figure of other pictures ({self.data}); give another --workdir")
        self.data, self.stand_in, self.digest, self.pictures = data, stand_in, digest, list(names)


def read_plan(workdir: Path) -> Plan:
    """Raises MissingFile if nothing was run in workdir."""
    path = workdir / "series.json"
    if not path.is_file():
        raise MissingFile(f"no {path}; run the figure there first, without --render")
    try:
        fields = json.loads(read_bytes(path, 2**28))
        series = [Series(**{**one, "settings": tuple(one["settings"])}) for one in fields["series"]]
        return Plan(**{**fields, "series": series})
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptFile(
            f"{path} is damaged, or of another version of the figure ({one_line(error)}); delete it and run the same "
            f"command: measured rows are kept"
        ) from None

"""Plans the methods and measures what is missing, picture by picture, so that a killed run has whole pictures."""

import dataclasses
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments.cases import FAILURES
from experiments.figure3 import measure as measuring
from experiments.figure3.measure import measure
from experiments.figure3.method import HasIdeal, Method
from experiments.figure3.pictures import Pictures
from experiments.figure3.series import Plan, Series
from experiments.table1.cells import rows_name, rows_path
from experiments.table1.run import without_folders
from rec_jax.core import ms_ssim
from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.files import make_folder
from rec_jax.core.messages import one_line
from rec_jax.core.rows import files_digest, make_stamp, open_rows
from rec_jax.evaluate import picture_quality

_QUICK_SETTINGS = 4  # of a ladder, with --quick
_METRICS = (measuring.__file__, ms_ssim.__file__, picture_quality.__file__)


@dataclasses.dataclass(frozen=True)
class Job:
    """A method and what is wanted of it."""

    method: Method
    series: Series

    def missing(self, pictures: Pictures, workdir: Path) -> list[tuple[int, float]]:
        """(picture, setting) without a row."""
        done = {(row["image"], row["setting"]) for row in self.series.rows(workdir)}
        return [(i, s) for i in range(len(pictures)) for s in self.series.settings if (i, s) not in done]


def chosen(only: str, methods: Sequence[Method]) -> list[Method]:
    """The methods that --only names, joined by commas; '' names all. Raises ConfigError for another name."""
    words = {word.strip() for word in only.split(",") if word.strip()}
    if unknown := sorted(words - {method.id for method in methods}):
        raise ConfigError(f"--only={unknown[0]}: have {', '.join(method.id for method in methods)}")
    return [method for method in methods if not words or method.id in words]


def plan_jobs(
    plan: Plan, methods: Sequence[Method], pictures: Pictures, quick: bool, say: Callable[[str], None]
) -> list[Job]:
    """What is to be measured; adds it to the plan, and the reasons where a program or a model is missing."""
    jobs = []
    for method in methods:
        plan.forget(method.id)
        try:
            jobs.append(Job(method, _series(method, pictures, quick)))
        except (RecError, OSError) as error:
            plan.not_run[method.id] = without_folders(one_line(error))
            say(f"{method.id}: not run: {one_line(error)}")
    plan.series += [job.series for job in jobs]
    return jobs


def _series(method: Method, pictures: Pictures, quick: bool) -> Series:
    key = {"method": method.key(), "pictures": pictures.digest, "metrics": files_digest(*_METRICS)}
    settings = tuple(method.settings)
    if quick and len(settings) > _QUICK_SETTINGS:
        settings = tuple(settings[i] for i in np.linspace(0, len(settings) - 1, _QUICK_SETTINGS).round().astype(int))
    name = rows_name("figure3", method.id, key | {"has_ideal": isinstance(method, HasIdeal)})
    return Series(
        method.id, method.title, method.ours, method.setting_name, settings, method.suffix, method.made_by(), name
    )


def run_jobs(plan: Plan, jobs: Sequence[Job], pictures: Pictures, workdir: Path, draw: Callable[[], None]) -> int:
    """Measures what is missing, a bar with the time that is left over all of it; returns how many methods failed.

    draw: called between two methods.

    A failure of the input, of the machine or of another program is told, noted in the plan, and does not stop the
    others; a mistake in this one does.
    """
    left = {job.series.id: job.missing(pictures, workdir) for job in jobs}
    n_failed, every_s = 0, 0.5 if sys.stderr.isatty() else 10.0
    with tqdm(total=sum(map(len, left.values())), unit="point", mininterval=every_s) as bar:
        for job in jobs:
            if not left[job.series.id]:
                continue
            bar.set_description(job.series.id)
            try:
                _run_job(job, left[job.series.id], pictures, workdir, bar)
            except FAILURES as error:
                n_failed += 1
                plan.not_run[job.series.id] = f"failed: {without_folders(one_line(error))}"
                plan.write(workdir)
                bar.write(f"figure3: {job.series.id}: {one_line(error)}", file=sys.stderr)
            if job is not jobs[-1]:
                draw()
    return n_failed


def _run_job(job: Job, missing: list[tuple[int, float]], pictures: Pictures, workdir: Path, bar: tqdm) -> None:
    stamp, series = make_stamp(), job.series
    make_folder(series.file_path(workdir, "", 0).parent)
    with open_rows(rows_path(workdir, series.rows_name)) as log:
        for i, setting in missing:
            rows = measure(job.method, pictures[i], setting, series.file_path(workdir, pictures.names[i], setting))
            log.append(*({"image": i, **row, **stamp()} for row in rows))
            bar.update()

"""What a run tells: metrics.jsonl, pictures, TensorBoard and the progress line."""

import io
import json
import shutil
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import tensorboardX
from PIL import Image
from tqdm import tqdm

from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.json_rows import read_rows, write_rows

ROWS_NAME = "metrics.jsonl"


class MetricsWriter:
    """Rows {step, kind, unix_time, number ...} to WORKDIR/metrics.jsonl, pictures to WORKDIR/pictures/NAME-STEP.png,
    and both to TensorBoard.

    The files are the truth: every row is flushed before the next checkpoint is written. On a resume the rows and the
    pictures past the restored step are cut, and the TensorBoard events, of which a killed process may have lost some,
    are written anew. So neither has a gap or a duplicate.
    """

    def __init__(self, workdir: str | Path, restored_step: int):
        path, events = Path(workdir) / ROWS_NAME, Path(workdir) / "tensorboard"
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [row for row in _whole_rows(path) if row["step"] <= restored_step]
        self._written = {(row["step"], row["kind"]) for row in rows}
        write_rows(path, rows)
        self._file = path.open("a")
        shutil.rmtree(events, ignore_errors=True)
        self._events = tensorboardX.SummaryWriter(str(events), write_to_disk=True)
        for row in rows:
            self._add_events(row)
        self._pictures = Path(workdir) / "pictures"
        self._take_up_pictures(restored_step)

    def _take_up_pictures(self, restored_step: int) -> None:
        for path in sorted(self._pictures.glob("*-*.png")):
            name, _, step = path.stem.rpartition("-")
            if not step.isdigit():
                continue
            if int(step) > restored_step:
                path.unlink()
            else:
                self._events.add_image(name, np.asarray(Image.open(path)), int(step), dataformats="HWC")

    def close(self) -> None:
        """Ends both files."""
        self._file.close()
        self._events.close()

    def has_row(self, step: int, kind: str) -> bool:
        """Whether a row of the step was there before this process."""
        return (step, kind) in self._written

    def write(self, step: int, kind: str, values: dict[str, float]) -> None:
        """Appends one row; kind is train or evaluate and prefixes the scalars' names."""
        row = {"step": step, "kind": kind, "unix_time": round(time.time(), 3), **values}
        self._file.write(json.dumps(row) + "\n")
        self._file.flush()
        self._add_events(row)

    def write_picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Writes uint8 [H, W, 3]."""
        self._pictures.mkdir(exist_ok=True)
        encoded = io.BytesIO()
        Image.fromarray(picture).save(encoded, "PNG")
        write_bytes_atomic(self._pictures / f"{name}-{step:07d}.png", encoded.getvalue())
        self._events.add_image(name, picture, step, dataformats="HWC")

    def _add_events(self, row: dict) -> None:
        for name, value in row.items():
            if name not in ("step", "kind", "unix_time"):
                self._events.add_scalar(f"{row['kind']}/{name}", value, row["step"], walltime=row["unix_time"])


def _whole_rows(path: Path) -> list[dict]:
    rows = read_rows(path)
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not all(name in row for name in ("step", "kind", "unix_time")):
            raise CorruptFile(f"{path}: line {number} is damaged; delete that line")
        numbers = [value for name, value in row.items() if name != "kind"]
        if not isinstance(row["kind"], str) or not all(isinstance(value, int | float) for value in numbers):
            raise CorruptFile(f"{path}: line {number} is damaged; delete that line")
    return rows


class NoWriter:
    """Stands for MetricsWriter in the processes that write nothing."""

    def close(self) -> None:
        """Nothing to end."""

    def has_row(self, step: int, kind: str) -> bool:
        """Says that nothing is missing."""
        return True

    def write(self, step: int, kind: str, values: dict[str, float]) -> None:
        """Drops the row."""

    def write_picture(self, step: int, name: str, picture: np.ndarray) -> None:
        """Drops the picture."""


class Progress:
    """Images/s, bits/dim and time left: a bar on a terminal, else one line per row."""

    def __init__(self, step: int, n_steps: int, batch_size: int, show: bool = True):
        self._n_steps, self._batch_size, self._show = n_steps, batch_size, show
        self._step, self._started, self._paused_s = step, time.perf_counter(), 0.0
        on_terminal = show and sys.stderr.isatty()
        self._bar = tqdm(total=n_steps, initial=step, unit="step", dynamic_ncols=True) if on_terminal else None

    def close(self) -> None:
        """Leaves the terminal in order."""
        if self._bar is not None:
            self._bar.close()

    @contextmanager
    def pause(self) -> Generator[None]:
        """Time spent inside does not count as training."""
        entered = time.perf_counter()
        yield
        self._paused_s += time.perf_counter() - entered

    def images_per_second(self, step: int) -> float:
        """Training speed since the last call (or the start) of this process, which stood at another step."""
        now = time.perf_counter()
        elapsed_s = max(now - self._started - self._paused_s, 1e-9)
        speed = (step - self._step) * self._batch_size / elapsed_s
        self._step, self._started, self._paused_s = step, now, 0.0
        return speed

    def show(self, step: int, values: dict[str, float]) -> None:
        """Shows a row of kind train."""
        if not self._show:
            return
        speed = values["images_per_second"]
        text = f"{values['elbo_bpd']:.4f} bits/dim (KL {values['kl_bpd']:.4f}), {speed:.1f} images/s"
        if self._bar is not None:
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update(step - self._bar.n)
        else:
            left_s = (self._n_steps - step) * self._batch_size / speed
            sys.stderr.write(f"step {step}/{self._n_steps}: {text}, {_duration(left_s)} left\n")
            sys.stderr.flush()

    def show_evaluation(self, step: int, values: dict[str, float]) -> None:
        """Shows a row of kind evaluate."""
        if self._show:
            text = ", ".join(f"{name} {value:.4f}" for name, value in values.items())
            tqdm.write(f"step {step}/{self._n_steps}: {text}", file=sys.stderr)
            sys.stderr.flush()


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"

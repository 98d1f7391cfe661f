"""`rec-jax compress` and `decompress` as new processes: seconds of the clock, of the processors, and memory."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from experiments.cases import Row
from experiments.pictures.synthetic import SYNTHETIC
from rec_jax.codec.image_io import read_image, write_png
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.core.rows import arrays_digest, program_key
from rec_jax.data.embedded import read_photograph

PHOTOGRAPHS = ((32, 32), (512, 768), (1000, 1500), (1500, 2000), (3000, 4000))  # height, width
DRAWINGS = ("flat 4000x3000", "text 384x256", "noise 2000x1500", "screenshot 4000x3000")


class ProcessCase(NamedTuple):
    """A case of experiments.cases: one picture through two processes, the best of n_calls.

    path: a picture; '' for the drawing, or the photograph of a size, that the title names.
    """

    title: str
    path: str
    n_calls: int

    def key(self) -> dict[str, Any]:
        """See cases.Case."""
        picture = arrays_digest([read_image(self.path)]) if self.path else ""
        return {"title": self.title, "picture": picture, "n_calls": self.n_calls, **program_key(without=())}

    def measure(self) -> Row:
        """The row: VERB_wall_s, VERB_cpu_s (user and system, all threads), VERB_memory_gb (peak); bytes.

        Raises BitstreamMismatch if other pixels come back.
        """
        row: Row = {}
        with tempfile.TemporaryDirectory() as folder_name:
            folder = Path(folder_name)
            image = self._image()
            write_png(folder / "in.png", image)
            for verb, names in (("compress", ("in.png", "out.rec")), ("decompress", ("out.rec", "out.png"))):
                words = ["-m", "rec_jax", verb, *names, "--force"]
                calls = [_process(words, folder) for _ in range(self.n_calls)]
                row |= {f"{verb}_{name}": min(call[name] for call in calls) for name in calls[0]}
            row["bytes"] = (folder / "out.rec").stat().st_size
            if not np.array_equal(read_image(folder / "out.png"), image):
                raise BitstreamMismatch(f"{self.title}: the command did not give the pixels back")
        return row

    def line(self, row: Row) -> str:
        """See cases.Case."""
        verbs = (
            f"{verb} {row[f'{verb}_wall_s']:.2f} s, {row[f'{verb}_cpu_s']:.2f} s of processor time, "
            f"{row[f'{verb}_memory_gb']:.2f} GB"
            for verb in ("compress", "decompress")
        )
        return f"{row['bytes']} bytes; {'; '.join(verbs)}"

    def _image(self) -> np.ndarray:
        if self.path:
            return read_image(self.path)
        if self.title in SYNTHETIC:
            return SYNTHETIC[self.title]()
        width, height = map(int, self.title.split()[-1].split("x"))
        return enlarged_photograph(height, width)


def enlarged_photograph(height: int, width: int) -> np.ndarray:
    """An embedded photograph at another size, with noise, so that it is not too smooth and nothing repeats."""
    picture = Image.fromarray(read_photograph("coffee")).resize((width, height), Image.Resampling.LANCZOS)
    noise = np.random.default_rng(0).normal(0.0, 3.0, (height, width, 3))
    return (np.asarray(picture) + noise).round().clip(0, 255).astype(np.uint8)


def process_cases(paths: list[str], n_calls: int, quick: bool) -> list[ProcessCase]:
    """Pictures given, and an embedded photograph enlarged to growing sizes; drawings."""
    sizes, drawings = (PHOTOGRAPHS[:1], ()) if quick else (PHOTOGRAPHS, DRAWINGS)
    cases = [ProcessCase(path, path, n_calls) for path in paths]
    cases += [ProcessCase(f"photograph {w}x{h}", "", n_calls if h * w < 1 << 20 else 1) for h, w in sizes]
    return cases + [ProcessCase(name, "", 1) for name in drawings]


def _process(words: list[str], folder: Path) -> dict[str, float]:
    """Of one process, with Python's own files compiled."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    start_s = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s, process.returncode = time.perf_counter() - start_s, os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, kibibytes elsewhere
    return {"wall_s": wall_s, "cpu_s": usage.ru_utime + usage.ru_stime, "memory_gb": usage.ru_maxrss * unit / 1e9}

"""Images a second of training, with the memory that launch.py keeps and, beside it, with pages that malloc gives back.

python -m experiments.bench.training WORKDIR CONFIG kept|given_back [quick]     # what a case runs, four times
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from configs.base import shrink
from experiments.bench.case import ModelCase
from experiments.cases import Row
from rec_jax.core.compilation import keep_memory_of_programs
from rec_jax.core.errors import RecError
from rec_jax.core.json_rows import read_rows
from rec_jax.core.rows import files_digest

CONFIGS = ("cifar10_small", "cifar10_phases", "photos_lossy")
_N_STEPS, _QUICK_STEPS, _WINDOWS = 48, 8, 8
_KEPT, _GIVEN_BACK = "kept", "given_back"


def training_cases(quick: bool) -> list[ModelCase]:
    """Of a VAE, phases and the lossy VAE on the embedded photographs; quick: of the first, shrunk."""
    names, settings = (CONFIGS[:1], ["quick"]) if quick else (CONFIGS, [])
    cases = []
    for name in names:
        module = importlib.import_module(f"configs.{name}")
        digest = files_digest(str(module.__file__), str(Path(str(module.__file__)).with_name("base.py")))
        options: dict[str, Any] = {"config": name, "settings": settings, "digest": digest}
        cases.append(ModelCase(f"training {name}", bench_training, "", options))
    return cases


def bench_training(_model: str, config: str, settings: list[str], digest: str) -> Row:
    """Means of two processes each, in the order A B B A, so that a machine that slows down slows both.

    images_s: medians over the windows between two lines of the console, the first left out.
    """
    del digest  # of what the row depends on
    found: dict[str, list[float]] = {_KEPT: [], _GIVEN_BACK: []}
    for memory in (_KEPT, _GIVEN_BACK, _GIVEN_BACK, _KEPT):
        found[memory].append(_images_s([config, memory, *settings]))
    kept, given_back = (float(np.mean(found[memory])) for memory in (_KEPT, _GIVEN_BACK))
    return {"images_s": kept, "given_back_images_s": given_back, "ratio": kept / given_back}


def _images_s(words: list[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "experiments.bench.training", folder, *words]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise RecError(f"training ended with code {done.returncode}: {(done.stderr.splitlines() or [''])[-1]}")
        rows = [row for row in read_rows(Path(folder) / "metrics.jsonl") if row["kind"] == "train"]
    return float(np.median([row["images_per_second"] for row in rows[1:]]))


def main(workdir: str, name: str, memory: str, *settings: str) -> None:
    """Trains some steps of a config in workdir."""
    if memory == _KEPT:
        keep_memory_of_programs()
    from rec_jax.data import make_source
    from rec_jax.train.loop import train

    config, n_steps = importlib.import_module(f"configs.{name}").get_config(), _N_STEPS
    config.data.update(dict(kind="embedded", name="photographs", data_dir="", patch=config.data.patch or 32))
    if settings:
        config, n_steps = shrink(config), _QUICK_STEPS
    config.train.update(dict(n_steps=n_steps, log_every=n_steps // _WINDOWS, evaluate_every=0, save_every=n_steps))
    train(config, workdir, make_source(config.data, "train").array(), [])


if __name__ == "__main__":
    main(*sys.argv[1:])

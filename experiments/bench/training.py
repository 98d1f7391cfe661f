"""Images a second of training, with the memory that launch.py keeps and, beside it, with pages that malloc gives back.

python -m experiments.bench.training CONFIG WORKDIR N_STEPS kept     # what a case runs as a process of its own
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from experiments.bench.case import ModelCase
from experiments.cases import Row
from rec_jax.core.freed_memory import keep_all_memory
from rec_jax.core.json_rows import read_rows

CONFIGS = ("cifar10_small", "cifar10_phases", "photos_lossy")
_KEPT, _GIVEN_BACK = "kept", "given_back"


def training_cases(quick: bool) -> list[ModelCase]:
    """Of a VAE, phases and the lossy VAE at their own sizes, on the embedded photographs; quick: few steps."""
    names, n_steps = (CONFIGS[:1], 4) if quick else (CONFIGS, 40)
    return [ModelCase(f"training {name}", bench_training, "", {"config": name, "n_steps": n_steps}) for name in names]


def bench_training(_model: str, config: str, n_steps: int) -> Row:
    """Medians over the windows between two lines of the console, in turns of one process each."""
    images_s = {memory: _images_s(config, n_steps, memory) for memory in (_KEPT, _GIVEN_BACK)}
    return {
        "images_s": images_s[_KEPT],
        "given_back_images_s": images_s[_GIVEN_BACK],
        "ratio": images_s[_KEPT] / images_s[_GIVEN_BACK],
    }


def _images_s(config: str, n_steps: int, memory: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "experiments.bench.training", config, folder, str(n_steps), memory]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        subprocess.run(words, env=environment, check=True, capture_output=True)
        rows = [row for row in read_rows(Path(folder) / "metrics.jsonl") if row["kind"] == "train"]
    return float(np.median([row["images_per_second"] for row in rows[1:]]))


def _train(name: str, workdir: str, n_steps: int) -> None:
    from rec_jax.data import make_source
    from rec_jax.train.loop import train

    config = importlib.import_module(f"configs.{name}").get_config()
    config.data.update(dict(kind="embedded", name="photographs", data_dir="", patch=config.data.patch or 32))
    config.train.update(
        dict(n_steps=n_steps, log_every=max(1, n_steps // 8), evaluate_every=0, save_every=10 * n_steps)
    )
    train(config, workdir, make_source(config.data, "train").array(), [])


if __name__ == "__main__":
    if sys.argv[4] == _KEPT:
        keep_all_memory()
    _train(sys.argv[1], sys.argv[2], int(sys.argv[3]))

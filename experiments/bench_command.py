"""`rec-jax` as a new process, with an empty and with a filled compilation cache."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rec_jax.codec.image_io import read_image, write_png
from rec_jax.data.embedded import embedded_patches


def bench_command(model: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Seconds of whole processes that compress and decompress a 32x32 picture; warm: median of several."""
    image = embedded_patches("test", 32).array()[0]
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        write_png(folder / "in.png", image)
        option = ["--model", str(Path(model).absolute()) if Path(model).is_file() else model, "--force"]
        row: dict[str, Any] = {"model": model}
        for verb, source, target in (("compress", "in.png", "out.rec"), ("decompress", "out.rec", "out.png")):
            words = [verb, source, target, *option]
            row[f"{verb}_cold_s"] = _process_s(words, folder)
            row[f"{verb}_warm_s"] = float(np.median([_process_s(words, folder) for _ in range(1 if quick else 3)]))
            say(f"rec-jax {verb}: cold cache {row[f'{verb}_cold_s']:.1f} s, warm {row[f'{verb}_warm_s']:.1f} s")
        if not np.array_equal(read_image(folder / "out.png"), image):
            raise RuntimeError("the command did not give the pixels back")
    return row


def _process_s(words: list[str], folder: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    environment["REC_JAX_CACHE_DIR"] = str(folder / "cache")
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    start_s = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "rec_jax.cli", *words],
        cwd=folder,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start_s

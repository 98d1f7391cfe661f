"""`rec-jax` as a new process: whole, and how much of it is the interpreter, numpy, imports and work."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from experiments.bench.case import ModelCase
from experiments.cases import Row
from rec_jax.codec.image_io import read_image, write_png
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.data.embedded import embedded_patches

# What the two commands import besides numpy, as little as they can do with.
IMPORTS = {
    "compress": "import rec_jax.cli, rec_jax.codec.image_io, rec_jax.codec.encoder, rec_jax.codec.fallback",
    "decompress": "import rec_jax.cli, rec_jax.codec.image_io, rec_jax.codec.lossless",
}


def command_case(model: str, quick: bool) -> ModelCase:
    """Seconds of whole processes that compress and decompress a 32x32 picture; median of several."""
    return ModelCase("rec-jax", bench_command, model, {"n_warm": 1 if quick else 5})


def bench_command(model: str, n_warm: int) -> Row:
    """The row of command_case. Raises BitstreamMismatch if the pixels do not come back.

    interpreter_s: of a process that does nothing.  numpy_s: what importing numpy adds.
    VERB_imports_s: what importing everything else adds.  VERB_work_s: what the command adds to that.
    compress_cold_s: with no compiled program on disk; decompressing compiles nothing.
    """
    image = embedded_patches("test", 32).array()[0]
    with tempfile.TemporaryDirectory() as folder_name:
        folder = Path(folder_name)
        write_png(folder / "in.png", image)
        option = ["--model", str(Path(model).absolute()) if Path(model).is_file() else model, "--force"]
        commands = {
            "compress": ["-m", "rec_jax", "compress", "in.png", "out.rec", *option],
            "decompress": ["-m", "rec_jax", "decompress", "out.rec", "out.png", *option],
        }
        row: Row = {"compress_cold_s": _process_s(commands["compress"], folder)}
        interpreter_s, numpy_s = (_median_s(["-c", code], folder, n_warm) for code in ("", "import numpy"))
        row |= {"interpreter_s": interpreter_s, "numpy_s": numpy_s - interpreter_s}
        for verb, words in commands.items():
            imported_s = _median_s(["-c", IMPORTS[verb]], folder, n_warm)
            whole_s = _median_s(words, folder, n_warm)
            row |= {f"{verb}_s": whole_s, f"{verb}_imports_s": imported_s - numpy_s}
            row[f"{verb}_work_s"] = whole_s - imported_s
        if not np.array_equal(read_image(folder / "out.png"), image):
            raise BitstreamMismatch("the command did not give the pixels back")
    return row


def _median_s(words: list[str], folder: Path, n_calls: int) -> float:
    return float(np.median([_process_s(words, folder) for _ in range(n_calls)]))


def _process_s(words: list[str], folder: Path) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    environment["REC_JAX_CACHE_DIR"] = str(folder / "cache")
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    start_s = time.perf_counter()
    subprocess.run([sys.executable, *words], cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s

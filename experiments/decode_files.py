"""Decoding files where nothing of their writing is left: in a new process without jax, one by one, from their bytes.

python -m experiments.decode_files FOLDER [NAME ...] [--model NAME|PATH]    # FOLDER/*.rec -> FOLDER/decoded/*.png
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import rec_jax
from experiments.program import ends_in_a_line
from rec_jax.codec.image_io import read_image, write_png
from rec_jax.codec.model_file import find_model_path
from rec_jax.core.errors import RecError

_ROOT = Path(__file__).parents[1]


class Decoded(NamedTuple):
    """What became of one file."""

    name: str  # without .rec
    decode_s: float
    error: str  # '' if the decoder returned pixels


def decode_in_new_process(folder: Path, names: Sequence[str], model: str | None = None) -> Iterator[Decoded]:
    """Decodes each FOLDER/NAME.rec to FOLDER/decoded/NAME.png in one new process; yields file after file, in order.

    What an earlier decoding left of these names is removed first; other files stay.
    model: a name or path; None takes the shipped model of each file's id.
    In that process jax cannot be imported, so what is yielded was decoded without. A process that dies yields
    nothing for the files it did not reach; what it wrote to stderr goes to ours.
    """
    for name in names:
        (folder / "decoded" / f"{name}.png").unlink(missing_ok=True)
    command = [sys.executable, "-m", "experiments.decode_files", str(folder.absolute()), *names]
    if model:
        command += ["--model", str(Path(model).absolute()) if Path(model).is_file() else model]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            yield Decoded(**json.loads(line))


def is_exact(folder: Path, name: str, pixels: np.ndarray) -> bool:
    """Whether what the new process decoded equals pixels uint8 [H, W, 3]."""
    path = folder / "decoded" / f"{name}.png"
    return path.is_file() and np.array_equal(read_image(path), pixels)


@ends_in_a_line("decode_files")
def main(argv: list[str] | None = None) -> int:
    """Decodes files of a folder; one JSON line per file on stdout. Exit code 1 if one of them failed."""
    parser = argparse.ArgumentParser(description="Decode FOLDER/*.rec to FOLDER/decoded/*.png.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help="files in FOLDER, without .rec; default: all")
    parser.add_argument("--model", help="name of a shipped model, or path; default: the shipped model of a file's id")
    arguments = parser.parse_args(argv)
    forbid_jax()
    if arguments.model:
        find_model_path(arguments.model)  # one that is not there is told once, not for every file
    failed = False
    (arguments.folder / "decoded").mkdir(exist_ok=True)
    for name in arguments.names or sorted(path.stem for path in arguments.folder.glob("*.rec")):
        start_s, error = time.perf_counter(), ""
        try:
            pixels = rec_jax.decode((arguments.folder / f"{name}.rec").read_bytes(), arguments.model)
            write_png(arguments.folder / "decoded" / f"{name}.png", pixels)
        except RecError as reason:
            error, failed = str(reason), True
        print(json.dumps(Decoded(name, time.perf_counter() - start_s, error)._asdict()), flush=True)
    return int(failed)


def forbid_jax() -> None:
    """From here on importing jax fails in this process. Raises RecError if it is too late for that."""
    if "jax" in sys.modules:
        raise RecError("jax was imported before the first file; a decoder does without")
    sys.modules["jax"] = None


if __name__ == "__main__":
    sys.exit(main())

"""Classical codecs: whole files of single images, each decoded and compared with its pixels."""

import dataclasses
import importlib.metadata
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from experiments.demo import pictures
from experiments.optional import optional_module
from experiments.table1.cells import Cell, Job, append_missing, rows_name
from experiments.table1.columns import Column
from rec_jax.codec.image_io import write_png
from rec_jax.core.errors import MissingFile, RecError
from rec_jax.core.rows import files_digest
from rec_jax.core.units import bits_to_bpd

_FLIF_PROGRAMS = ("flif", "flif-wasm")  # the second is npm's
JXL_EFFORT = 9  # of libjxl, 1 to 10; 10 takes many times as long and makes small images larger


@dataclasses.dataclass(frozen=True)
class Classical:
    """A classical codec. It measures one cell per column, of the first options['n_classical'] images.

    made_by: () -> the program with its version and settings; raises MissingFile if it is not there.
    file_bytes: image uint8 [H, W, 3] -> bytes of a file from which exactly it came back.
    """

    id: str
    made_by: Callable[[], str]
    file_bytes: Callable[[np.ndarray], int]

    def jobs(self, column: Column) -> list[Job]:
        """Raises a RecError if the data or the program are not there."""
        made_by, images = self.made_by(), column.classical_images()
        key = {"made_by": made_by, "images": images.digest, "code": files_digest(__file__, pictures.__file__)}
        name = rows_name(column.id, self.id, key)
        cell = Cell(self.id, column.id, column.data, column.stand_in, made_by, len(images), name)

        def measure(path, stamp, progress):
            append_missing(path, len(images), lambda i: self._row(images[i]), stamp, progress)

        return [Job(cell, measure)]

    def rates(self, rows: Sequence[dict[str, Any]]) -> dict[str, float]:
        """Bits per dimension of all images together."""
        return {"single": bits_to_bpd(8 * sum(r["file_bytes"] for r in rows), sum(r["n_dims"] for r in rows))}

    def image_rate(self, row: dict[str, Any]) -> float:
        """Bits per dimension of one image."""
        return bits_to_bpd(8 * row["file_bytes"], row["n_dims"])

    def _row(self, image: np.ndarray) -> dict[str, Any]:
        start_s = time.perf_counter()
        try:
            n_bytes = self.file_bytes(image)
        except RuntimeError as error:  # as imagecodecs raises
            raise RecError(f"{self.made_by()}: {error}") from error
        return {"n_dims": image.size, "file_bytes": n_bytes, "elapsed_s": time.perf_counter() - start_s}


def pillow_settings(settings: str) -> Callable[[], str]:
    """made_by of what Pillow writes."""
    return lambda: f"Pillow {importlib.metadata.version('pillow')}, {settings}"


PNG = Classical("png", pillow_settings("optimize, level 9"), pictures.png_bytes)
WEBP = Classical("webp", pillow_settings("lossless, quality 75, smallest of methods 0-6"), pictures.webp_bytes)


def jxl_made_by() -> str:
    """Raises MissingFile with what to install."""
    imagecodecs = _imagecodecs()
    return f"imagecodecs {imagecodecs.__version__} ({imagecodecs.jpegxl_version()}), lossless, effort {JXL_EFFORT}"


def jxl_bytes(pixels: np.ndarray) -> int:
    """Size of jxl_file."""
    return len(jxl_file(pixels))


def jxl_file(pixels: np.ndarray) -> bytes:
    """The picture as a bare JPEG XL codestream, decoded and compared; MissingFile as in jxl_made_by."""
    imagecodecs = _imagecodecs()
    data = imagecodecs.jpegxl_encode(pixels, lossless=True, effort=JXL_EFFORT, usecontainer=False)
    if not np.array_equal(imagecodecs.jpegxl_decode(data), pixels):
        raise RecError("JPEG XL is not lossless here; its size does not count")
    return data


def _imagecodecs():
    return optional_module("imagecodecs", "JPEG XL", "classical")


def flif_program() -> str:
    """The name on the PATH: FLIF's own program, or its build for Node.js. MissingFile where there is neither."""
    if name := next(filter(shutil.which, _FLIF_PROGRAMS), None):
        return name
    raise MissingFile("no program flif on the PATH; build it from its sources, or run: npm install -g flif-wasm")


def flif_made_by() -> str:
    """Raises MissingFile as flif_program does."""
    program = flif_program()
    banner = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    found = re.search(r"FLIF \(Free Lossless Image Format\) (.+)", banner)
    return f"FLIF {found[1].strip() if found else 'of an unknown version'}, program {program}, defaults"


def flif_bytes(pixels: np.ndarray) -> int:
    """Size of the picture as a FLIF file of the program's default settings."""
    program = flif_program()
    with tempfile.TemporaryDirectory() as name:
        png, flif, back = (Path(name) / file for file in ("in.png", "out.flif", "back.png"))
        write_png(png, pixels)
        for words in (["-e", "--overwrite", png, flif], ["-d", "--overwrite", flif, back]):
            done = subprocess.run([program, *words], capture_output=True, text=True)
            if done.returncode:
                raise OSError(f"{program} {words[0]} failed: {done.stderr.strip() or done.returncode}")
        if not np.array_equal(_rgb(back), pixels):
            raise RecError("flif is not lossless here; its size does not count")
        return flif.stat().st_size


def _rgb(path: Path) -> np.ndarray:
    """uint8 [H, W, 3]; FLIF decodes a picture whose channels are equal to a grey PNG."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


JXL = Classical("jxl", jxl_made_by, jxl_bytes)
FLIF = Classical("flif", flif_made_by, flif_bytes)

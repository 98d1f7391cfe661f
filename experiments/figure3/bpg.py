"""BPG by its own programs bpgenc and bpgdec, where they are on the PATH."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from experiments.figure3.file_codec import FileCodec
from rec_jax.codec.image_io import write_png
from rec_jax.core.errors import MissingFile
from rec_jax.core.files import read_bytes, write_bytes_atomic

_MAX_BYTES = 2**30


def made_by() -> str:
    """MissingFile if the programs are not there."""
    if missing := [name for name in ("bpgenc", "bpgdec") if not shutil.which(name)]:
        raise MissingFile(f"no program {missing[0]} on the PATH; build libbpg 0.9.8 (bellard.org/bpg)")
    banner = subprocess.run(["bpgenc", "-h"], capture_output=True, text=True)
    found = re.search(r"version (\S+)", banner.stdout + banner.stderr)
    return f"bpgenc {found[1] if found else 'of an unknown version'}, 4:4:4, YCbCr, its other defaults"


def encode(image: np.ndarray, qp: int) -> bytes:
    """A BPG file; qp: the quantiser, 0 to 51."""
    with tempfile.TemporaryDirectory() as name:
        png, bpg = Path(name) / "in.png", Path(name) / "out.bpg"
        write_png(png, image)
        _run("bpgenc", "-q", str(qp), "-f", "444", "-o", bpg, png)
        return read_bytes(bpg, _MAX_BYTES)


def decode(data: bytes) -> np.ndarray:
    """uint8 [H, W, 3]."""
    with tempfile.TemporaryDirectory() as name:
        bpg, png = Path(name) / "in.bpg", Path(name) / "out.png"
        write_bytes_atomic(bpg, data)
        _run("bpgdec", "-o", png, bpg)
        with Image.open(png) as picture:
            return np.asarray(picture.convert("RGB"))


def _run(program: str, *words: str | Path) -> None:
    done = subprocess.run([program, *words], capture_output=True, text=True)
    if done.returncode:
        raise OSError(f"{program} failed: {done.stderr.strip() or done.returncode}")


BPG = FileCodec(
    id="bpg",
    title="BPG 4:4:4",
    suffix=".bpg",
    setting_name="QP",
    settings=(47, 44, 41, 38, 35, 32, 29, 26, 23, 20),
    made_by=made_by,
    encode=encode,
    decode=decode,
    source=__file__,
)

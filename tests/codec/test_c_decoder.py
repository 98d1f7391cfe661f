"""The decoder in C, written from docs/FORMAT.md without a look at this package: files decode without a line of it."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from tiny_codec import digest

from rec_jax.codec import container, load_codec
from rec_jax.codec.model_file import find_model_name, find_model_path
from rec_jax.data.embedded import read_photograph

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "rec_jax" / "exact" / "tables.npz"
GOLDEN = json.loads(Path(__file__).with_name("golden.json").read_text())
OTHERS = ("tiny/", "embedded", "hyperprior", "bit-swap", "irec")  # models of tests, no model, kinds it refuses
NAMES = [name for name in GOLDEN if not any(other in name for other in OTHERS)]
COMPILER = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler on the PATH")


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    program = tmp_path_factory.mktemp("decoder") / "rec_decode"
    sources = sorted((ROOT / "docs" / "decoder").glob("*.c"))
    subprocess.run([str(COMPILER), "-std=c99", "-O2", "-o", program, *sources], check=True, timeout=120)
    return program


def run(decoder: Path, blob: bytes, model: str, folder: Path) -> subprocess.CompletedProcess:
    (folder / "in.rec").write_bytes(blob)
    words = [decoder, find_model_path(model), TABLES, folder / "in.rec", folder / "out.pnm"]
    return subprocess.run(words, capture_output=True, text=True, timeout=120)


def decoded(decoder: Path, blob: bytes, folder: Path) -> np.ndarray:
    """The pixels of the PGM or PPM that the program writes."""
    result = run(decoder, blob, find_model_name(container.unpack(blob)[0].model_id), folder)
    assert result.returncode == 0, result.stderr
    magic, size, most, pixels = (folder / "out.pnm").read_bytes().split(b"\n", 3)
    width, height = map(int, size.split())
    dtype = {b"255": np.dtype("u1"), b"65535": np.dtype(">u2")}[most]
    shape = {b"P5": (height, width), b"P6": (height, width, 3)}[magic]
    return np.frombuffer(pixels, dtype).reshape(shape).astype(dtype.newbyteorder("="))


@pytest.mark.parametrize("name", NAMES)
def test_golden_files_decode_to_their_pixels(decoder, tmp_path, name):
    assert digest(decoded(decoder, base64.b64decode(GOLDEN[name]["file"]), tmp_path)) == GOLDEN[name]["pixels"]


@pytest.mark.parametrize("name", ["photos", "cifar10-idf", "grey", "grey of 16 bits"])
def test_files_of_today_decode_to_their_pixels(decoder, tmp_path, name):
    image = np.ascontiguousarray(read_photograph("chelsea")[40:110, 60:157])
    if name.startswith("grey"):
        image = image[..., 0].astype(np.uint16) * 257 if "16" in name else image[..., 0].copy()
    codec = load_codec("photos" if name.startswith("grey") else name).without_fallback()
    np.testing.assert_array_equal(decoded(decoder, codec.compress(image), tmp_path), image)


def test_what_it_cannot_decode_is_one_line(decoder, tmp_path):
    good = base64.b64decode(GOLDEN["cifar10"]["file"])
    flipped = good[:40] + bytes([good[40] ^ 1]) + good[41:]
    irec = base64.b64decode(GOLDEN["cifar10-rvae/irec"]["file"])
    for blob, model in ((flipped, "cifar10"), (good[:20], "cifar10"), (good, "photos"), (irec, "cifar10-rvae")):
        result = run(decoder, blob, model, tmp_path)
        assert result.returncode == 1 and result.stderr.count("\n") == 1, result.stderr
        assert not (tmp_path / "out.pnm").exists()

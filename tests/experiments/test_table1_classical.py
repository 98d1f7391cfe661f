"""The classical rows of Table 1: real files, programs that are there or not."""

import re
import stat
import sys

import numpy as np
import pytest

from experiments.table1 import classical
from rec_jax.core.errors import MissingFile, RecError
from tests.experiments.quick_table import PIXELS, quick_column


@pytest.mark.parametrize("codec", [classical.PNG, classical.WEBP, classical.JXL], ids=lambda codec: codec.id)
def test_classical_files_are_smaller_than_pixels(codec):
    assert 100 < codec.file_bytes(PIXELS) < PIXELS.size
    assert codec.file_bytes(np.full((32, 32, 3), 7, np.uint8)) < 150
    assert re.search(r"\d", codec.made_by())


def test_without_imagecodecs_jpeg_xl_is_not_run(monkeypatch):
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(MissingFile, match="pip install"):
        classical.JXL.jobs(quick_column())


FLIF = """#!{python}
import sys
from PIL import Image
if sys.argv[1] == "--version":
    print("  ____ _(_)____\\n (___ | | | ___)   FLIF (Free Lossless Image Format) 0.4 [made up]\\n")
else:
    picture = Image.open(sys.argv[3])
    picture.load()
    picture = picture.convert("L") if sys.argv[1] == "-d" and len(set(picture.getextrema())) == 1 else picture
    picture = picture.transpose(Image.Transpose.ROTATE_180) if {lossy} else picture
    picture.save(sys.argv[4], "PNG")
"""


@pytest.mark.parametrize("name, lossy", [("flif", False), ("flif", True), ("flif-wasm", False)])
def test_flif_is_run_where_it_is_on_the_path(tmp_path, monkeypatch, name, lossy):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingFile, match="no program flif"):
        classical.FLIF.made_by()
    program = tmp_path / name
    program.write_text(FLIF.format(python=sys.executable, lossy=lossy))
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    assert classical.FLIF.made_by() == f"FLIF 0.4 [made up], program {name}, defaults"
    pixels = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    if lossy:  # upside down twice is right again, so only one of the two calls may turn it
        monkeypatch.setattr(classical, "_rgb", lambda path: np.zeros_like(pixels))
        with pytest.raises(RecError, match="not lossless"):
            classical.FLIF.file_bytes(pixels)
    else:
        assert classical.FLIF.file_bytes(pixels) > 50
        assert classical.FLIF.file_bytes(np.full((8, 8, 3), 7, np.uint8)) > 50  # comes back as a grey picture

"""The rivals of Figure 3: real files that decode to something like their picture, programs that are there or not."""

import dataclasses
import itertools
import stat
import sys

import numpy as np
import pytest

from experiments.figure3.bpg import BPG
from experiments.figure3.hevc import HEVC
from experiments.figure3.jpeg_xl import JPEG_XL
from experiments.figure3.learned import RelativeEntropyCoding
from experiments.figure3.methods import make_methods
from experiments.figure3.pictures import open_pictures
from rec_jax.core.errors import MissingFile, RecError
from rec_jax.core.psnr import psnr_db
from rec_jax.data.embedded import read_photograph

IMAGE = read_photograph("chelsea")[80:173, 100:201]  # 93 x 101
MAGIC = {".jpg": (0, b"\xff\xd8\xff"), ".webp": (8, b"WEBP"), ".jp2": (16, b"ftypjp2"), ".avif": (4, b"ftypavif")}
OURS = RelativeEntropyCoding
FAST = [dataclasses.replace(method, preset="fast") if isinstance(method, OURS) else method for method in make_methods()]
MAGIC |= {".rec": (0, b"\xceR"), ".jxl": (0, b"\xff\x0a"), ".hevc": (0, b"\0\0\0\1"), ".bpg": (0, b"BPG\xfb")}


def there(method):
    try:
        method.made_by()
    except MissingFile as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("method", FAST, ids=lambda method: method.id)
def test_files_grow_with_the_ladder_and_so_does_their_quality(method):
    there(method)
    ladder = method.settings[:: len(method.settings) // 3]
    files = [method.encode(IMAGE, setting) for setting in ladder]
    decoded = [method.decode(data) for data in files]
    assert all(picture.shape == IMAGE.shape and picture.dtype == np.uint8 for picture in decoded)
    for a, b in itertools.pairwise(range(len(ladder))):
        assert len(files[a]) < len(files[b]) and psnr_db(IMAGE, decoded[a]) < psnr_db(IMAGE, decoded[b])
    assert psnr_db(IMAGE, decoded[-1]) > (30 if method.id == "rec-ms-ssim" else 31)  # a model for MS-SSIM has less
    place, magic = MAGIC[method.suffix]
    assert files[0][place : place + len(magic)] == magic
    assert files[0] == method.encode(IMAGE, ladder[0]) and method.key()["made_by"] == method.made_by()


@pytest.mark.parametrize("method, module", [(JPEG_XL, "imagecodecs"), (HEVC, "av")])
def test_without_its_library_a_method_says_what_to_install(monkeypatch, method, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingFile, match=rf"needs {module}; run: pip install -e '\.\[figure3\]'"):
        method.made_by()


@pytest.mark.parametrize("method", [JPEG_XL, HEVC], ids=lambda method: method.id)
def test_what_a_library_raises_is_a_failure_of_the_method(method):
    there(method)
    with pytest.raises(RecError, match=r"JPEG XL|HEVC"):
        method.decode(b"no picture at all")


PROGRAM = """#!{python}
import sys
from PIL import Image
words = sys.argv[1:]
if words == ["-h"]:
    print("BPG Image Encoder version 0.9.8 [made up]")
elif "{name}" == "bpgenc":
    assert words[:4] == ["-q", "30", "-f", "444"] and words[4] == "-o", words
    picture = Image.open(words[6])
    open(words[5], "wb").write(b"BPG\\xfb" + bytes(picture.size) + picture.tobytes())
else:
    data = open(words[2], "rb").read()
    if data[:4] != b"BPG\\xfb":
        sys.exit("Not a BPG image")
    Image.frombytes("RGB", (data[4], data[5]), data[6:]).save(words[1], "PNG")
"""


def test_bpg_is_run_where_its_programs_are_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("bpgenc", "bpgdec"):
        with pytest.raises(MissingFile, match=f"no program {name} on the PATH"):
            BPG.made_by()
        program = tmp_path / name
        program.write_text(PROGRAM.format(python=sys.executable, name=name))
        program.chmod(program.stat().st_mode | stat.S_IEXEC)
    assert BPG.made_by() == "bpgenc 0.9.8, 4:4:4, YCbCr, its other defaults"
    assert np.array_equal(BPG.decode(BPG.encode(IMAGE, 30)), IMAGE)
    with pytest.raises(OSError, match="bpgdec failed: Not a BPG image"):
        BPG.decode(b"nothing")


def test_quick_pictures_are_the_middles_of_photographs():
    pictures = open_pictures(True, "", "")
    assert pictures.names == ("chelsea", "coffee") and pictures.stand_in == "stand-in, not Kodak"
    assert np.array_equal(pictures[0], read_photograph("chelsea")[22:278, 33:417]) and len(pictures) == 2

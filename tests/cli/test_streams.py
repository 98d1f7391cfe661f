"""Standard input and output, and pipes."""

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.codec.embedded import pack_embedded
from tests.cli.fakes import IMAGE
from tests.cli.running import environment, python


class Input:
    """Stands for sys.stdin."""

    closed = False

    def __init__(self, data):
        self.buffer = io.BytesIO(data)

    def isatty(self):
        return False


def test_standard_input_and_output(folder, monkeypatch, capsysbinary):
    data = pack_embedded(IMAGE)
    for source, words in (("-", "-"), ("s.rec", "-")):
        (folder / "s.rec").write_bytes(data)
        monkeypatch.setattr(sys, "stdin", Input(data))
        assert cli.main(["decompress", source, words]) == 0
        out, err = capsysbinary.readouterr()
        assert b"exact" in err and err.count(b"\n") == 1
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(out))), IMAGE)
    monkeypatch.setattr(sys, "stdin", Input(data))
    assert cli.main(["info", "-"]) == 0
    assert capsysbinary.readouterr().out.startswith(b"standard input: 12x8 colour")
    for broken, words in ((data[:9], b"the file is truncated"), (b"", b"the file is empty")):
        monkeypatch.setattr(sys, "stdin", Input(broken))
        assert cli.main(["info", "-"]) == 1
        assert capsysbinary.readouterr().err.startswith(b"rec-jax: standard input: " + words)
    monkeypatch.setattr(sys, "stdin", Input((folder / "in.png").read_bytes()))
    assert cli.main(["compress", "-", "-"]) == 0
    out, err = capsysbinary.readouterr()
    assert out == (folder / "in.rec").read_bytes() and err.startswith(b"rec-jax: 12x8 colour")
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(["info", "-"]) == 1 and b"input is closed" in capsysbinary.readouterr().err
    assert sorted(os.listdir()) == ["in.png", "in.rec", "s.rec"]


def test_named_pipes_are_read(folder):
    (folder / "stored.rec").write_bytes(pack_embedded(IMAGE))
    os.mkfifo("pipe")
    command = [sys.executable, "-m", "rec_jax", "info", "pipe"]  # as a module, too
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        (folder / "pipe").write_bytes((folder / "stored.rec").read_bytes())
        assert process.communicate(timeout=60)[0].startswith(b"pipe: 12x8")


def test_standard_output_by_another_name_is_refused_with_its_name(folder):
    command = [sys.executable, "-m", "rec_jax", "decompress", "in.rec", "/dev/stdout"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "rec-jax: /dev/stdout is a pipe or a device; name a file to write, or - for standard output\n"


NAMES = {  # what stdout shows of them as UTF-8 and as ASCII
    "caf\u00e9 \u5c71.png": ("caf\u00e9 \u5c71.png", "caf\\xe9 \\u5c71.png"),
    "q\udcff.png": ("q\\xff.png", "q\\xff.png"),
    "a\x1b[31m\n\x9b\u202e.png": ("a\\x1b[31m\\x0a\\x9b\\u202e.png", "a\\x1b[31m\\x0a\\x9b\\u202e.png"),
}


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "utf-8:surrogateescape"])
@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_are_shown_without_what_steers_a_terminal(folder, capsys, monkeypatch, encoding, name):
    (folder / "s.rec").write_bytes(pack_embedded(IMAGE))
    codec, errors = encoding.split(":")
    shown = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(shown, codec, errors))
    assert cli.main(["decompress", "s.rec", name]) == 0 and os.path.exists(name)
    assert shown.getvalue().decode(codec).startswith(NAMES[name][codec == "ascii"] + ": 12x8 colour")
    assert cli.main(["info", name]) == 1
    err = capsys.readouterr().err
    assert err.endswith(": this is not a .rec file (its first two bytes differ)\n") and err[:-1].isprintable()


STANDARD_OUTPUTS = """
import os, sys
from rec_jax import cli

def run(output, *words):
    saved, stdout = os.dup(1), sys.stdout
    if output is None:
        sys.stdout = None
    else:
        os.dup2(output, 1)
    sys.stderr.write(f"{cli.main(list(words))}\\n")
    os.dup2(saved, 1)
    sys.stdout = stdout

full = os.open("/dev/full", os.O_WRONLY)
reader, gone = os.pipe()
os.close(reader)
run(full, "decompress", "s.rec", "a.png")
run(full, "info", "s.rec")
run(full, "decompress", "s.rec", "-")
run(gone, "info", "s.rec")
run(gone, "decompress", "s.rec", "-")
run(gone, "decompress", "s.rec", "b.png")
run(None, "decompress", "s.rec", "c.png")
run(None, "decompress", "s.rec", "-")
"""


def test_standard_output_that_takes_nothing(folder):
    (folder / "s.rec").write_bytes(pack_embedded(IMAGE))
    done = python(STANDARD_OUTPUTS, env=environment())
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "rec-jax: a.png is written; standard output: No space left on device", "0",
        "rec-jax: standard output: No space left on device", "1",
        "rec-jax: standard output: No space left on device", "1",
        "141", "141", "0", "0",
        "rec-jax: standard output is closed; name a file to write", "1",
    ]  # fmt: skip
    for name in ("a.png", "b.png", "c.png"):
        np.testing.assert_array_equal(np.asarray(Image.open(name)), IMAGE)

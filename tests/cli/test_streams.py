"""Standard input and output, and pipes."""

import io
import os
import subprocess
import sys

import numpy as np
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

"""Ctrl-C and SIGKILL: one line, and nothing half-written."""

import os
import subprocess
import sys

import pytest

from rec_jax.codec.embedded import pack_embedded
from tests.cli.fakes import IMAGE, FakeCodec
from tests.cli.running import environment, fails, interrupted, python


def test_interrupt(folder, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeCodec, "compress", interrupt)
    fails(capsys, "compress", "in.png", "out.rec", code=130, match="interrupted")
    monkeypatch.setattr(os, "fsync", interrupt)
    fails(capsys, "decompress", "in.rec", "out.png", code=130, match="interrupted")


SLOW = """
import sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from rec_jax import cli
from rec_jax.cli import codecs

class Slow:
    searches, progress_of = False, "pixels"
    def compress(self, image, progress):
        {work}

codecs.open_codec = lambda *_, **__: Slow()
sys.argv = ["rec-jax", "compress", "in.png", "out.rec"]
sys.exit(cli.main({words}))
"""
SLEEP = 'print("started", flush=True); time.sleep(60)'
POOL = """with ThreadPoolExecutor() as pool:
            print("started", flush=True)
            pool.submit(threading.Event().wait, 50).result()"""
LINE = "rec-jax: interrupted; nothing was written\n"


def test_ctrl_c_in_a_real_process(folder):
    assert interrupted(SLOW.format(work=SLEEP, words="sys.argv[1:]")) == (130, "", LINE)
    assert sorted(os.listdir()) == ["in.png", "in.rec"]


@pytest.mark.parametrize("n_signals", [1, 2])
def test_ctrl_c_does_not_wait_for_threads_or_long_calls(folder, n_signals):
    """A call that never comes back to the interpreter, and a pool that waits for it, end within two seconds."""
    assert interrupted(SLOW.format(work=POOL, words=""), n_signals) == (130, "", LINE)
    assert sorted(os.listdir()) == ["in.png", "in.rec"]


STARTING = """
import sys, time

class Slow:
    def find_spec(self, name, *_):
        if name == "numpy":
            print("started", flush=True)
            time.sleep(60)

sys.meta_path.insert(0, Slow())
from rec_jax.cli import main
main()
"""


def test_ctrl_c_while_the_command_is_loaded_is_one_line(folder):
    assert interrupted(STARTING) == (130, "", LINE)


def test_a_process_ends_with_the_commands_code_and_line(folder):
    for words, code, out, err in (
        (["decompress", "in.rec", "out.png"], 1, "", "rec-jax: in.rec: no shipped model "),
        (["compress", "in.png", "out.rec"], 0, "out.rec: 12x8 colour, ", ""),
    ):
        done = python(
            f"import sys; sys.argv = {['rec-jax', *words]}; import rec_jax.__main__ as m; m.main()", env=environment()
        )
        assert done.returncode == code and done.stdout.startswith(out) and done.stderr.startswith(err), done
        assert (done.stdout + done.stderr).count("\n") == 1


def test_nothing_of_a_killed_process_is_left(folder):
    code = (
        "import sys, os; from rec_jax import cli\n"
        "def stop(descriptor): print('started', flush=True); import time; time.sleep(60)\n"
        "os.fsync = stop\n"
        "sys.exit(cli.main(['decompress', 'in.rec', 'out.png']))"
    )
    (folder / "in.rec").write_bytes(pack_embedded(IMAGE))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
    assert sorted(os.listdir()) == ["in.png", "in.rec"]

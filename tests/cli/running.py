"""Commands run here or in a process of their own."""

import os
import signal
import subprocess
import sys
import time

import rec_jax
from rec_jax import cli


def fails(capsys, *words, code=1, match=""):
    """Run; one line on stderr, nothing on stdout, no new file."""
    before = sorted(os.listdir())
    assert cli.main(list(words)) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("rec-jax: ") and err.count("\n") == 1 and err.endswith("\n"), err
    assert match in err, err
    assert sorted(os.listdir()) == before


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **options)


def environment():
    """This tree's package, wherever the test has changed directory to."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(rec_jax.__file__)))
    return os.environ | {"PYTHONPATH": root}


def interrupted(code, n_signals=1):
    """(exit code, stdout, stderr) of Python code that prints a line and then gets Ctrl-C so many times."""
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's children ignore it
    ) as process:
        assert process.stdout.readline() == "started\n"
        for _ in range(n_signals):
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    return process.returncode, out, err

"""Real processes: one that is killed, and two that train together."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

from rec_jax.train.checkpoint import restore_params
from rec_jax.train.loop import train
from rec_jax.train.writers import read_rows
from tests.train.test_loop import rows_without_clock
from tests.train.test_writers import read_events
from tests.train.tiny import first_weight, tiny_config, tiny_images


def start(workdir, **options):
    command = [sys.executable, "-m", "tests.train.tiny", str(workdir), json.dumps(options)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def finish(process):
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors


def kill_at(process, workdir, step):
    """SIGKILL as soon as the row of that step is written, somewhere in the evaluation, the save or the steps after."""
    deadline = time.monotonic() + 240
    while max((row["step"] for row in read_rows(workdir / "metrics.jsonl")), default=0) < step:
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_run_ends_bit_for_bit_as_one_that_was_not(tmp_path):
    settings = dict(n_steps=30, log_every=4, evaluate_every=2, save_every=6)  # periods that do not line up
    whole = train(tiny_config(**settings), tmp_path / "whole", tiny_images(), [first_weight])
    killed = tmp_path / "killed"
    kill_at(start(killed, **settings), killed, step=12)
    saved = [int(path.name) for path in (killed / "checkpoints").iterdir() if path.name.isdigit()]
    assert 6 <= max(saved) < 30  # it really was killed on its way
    train(tiny_config(**settings), killed, tiny_images(), [first_weight])

    for ema, tree in ((True, whole.ema_params), (False, whole.params)):
        jax.tree.map(np.testing.assert_array_equal, restore_params(killed, ema), tree)
    rows = rows_without_clock(killed)
    assert rows == rows_without_clock(tmp_path / "whole")
    names = [(f"{row['kind']}/{name}", row["step"]) for row in rows for name in row if name not in ("step", "kind")]
    events = read_events(killed / "tensorboard")
    assert {key for key in events if not key[0].endswith("images_per_second")} == set(names)
    assert all(len(values) == 1 for values in events.values())


def test_two_processes_of_two_devices_train_as_one(tmp_path, monkeypatch):
    settings = dict(n_steps=4, log_every=1, evaluate_every=2, save_every=4)
    train(tiny_config(**settings), tmp_path / "one", tiny_images(), [first_weight])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("XLA_FLAGS", f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=2")
    group = dict(coordinator=f"127.0.0.1:{port}", num_processes=2)
    processes = [start(tmp_path / "two", **group, process_id=i, **settings) for i in range(2)]
    for process in processes:
        finish(process)

    one, two = (rows_without_clock(tmp_path / name) for name in ("one", "two"))
    assert [(row["step"], row["kind"]) for row in two] == [(row["step"], row["kind"]) for row in one]
    for row, other in zip(one, two, strict=True):
        for name, value in row.items():
            assert name == "kind" or other[name] == pytest.approx(value, rel=2e-5), (row["step"], name)
    params = restore_params(tmp_path / "one", ema=False)
    close = jax.tree.map(
        lambda a, b: np.allclose(a, b, rtol=1e-3, atol=1e-4), params, restore_params(tmp_path / "two", ema=False)
    )
    assert all(jax.tree.leaves(close))

"""Work in several processes: they may die, be killed or interrupted."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from rec_jax.cli.bulk.inputs import Item
from rec_jax.cli.bulk.processes import work_in_processes
from rec_jax.codec import container
from tests.cli.bulk_works import dies_at_once, good_or_bad
from tests.cli.running import environment

N = 40  # pictures


@pytest.fixture(autouse=True)
def pictures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])  # of the processes of a pool
    (tmp_path / "p").mkdir()
    for i in range(N):
        pixels = np.random.default_rng(i).integers(100, 110, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(f"p/{i:02}.png")
    return tmp_path


def items(*names):
    return [Item(name, f"{i}.mark") for i, name in enumerate(names)]


def test_a_process_that_dies_costs_one_file():
    every = items("a", "b", "dies", "c", "d", "e")
    outcomes = list(work_in_processes(good_or_bad, [every[:1], every[1:4], every[4:5], every[5:]], 2))
    assert sorted(outcome.source for outcome in outcomes) == ["a", "b", "c", "d", "dies", "e"]
    (bad,) = [outcome for outcome in outcomes if outcome.error]
    assert bad.error == "dies: the process that worked on it died, of too little memory or killed"


def test_a_pool_that_never_starts_ends():
    outcomes = list(work_in_processes(dies_at_once, [items("a")], 1))
    assert [outcome.source for outcome in outcomes if outcome.error] == ["a"]


def test_a_consumer_that_stops_ends_the_processes():
    outcomes = work_in_processes(good_or_bad, [items("a"), items("slow")], 2)
    pid = next(outcomes).n_bytes_in
    start_s = time.monotonic()
    outcomes.close()
    assert time.monotonic() - start_s < 30
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def command(*words, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "rec_jax", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        **options,
    )


def wait_for_files(n):
    deadline_s = time.monotonic() + 60
    while len(written := list_outputs()) < n:
        assert time.monotonic() < deadline_s
        time.sleep(0.002)
    return written


def list_outputs():
    return sorted(os.listdir("out")) if os.path.isdir("out") else []


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_is_one_line_and_leaves_no_process(pictures, jobs):
    own = dict(start_new_session=True, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    process = command("compress", "p", "-o", "out", "--jobs", jobs, **own)
    wait_for_files(1)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: every process gets it
    out, err = process.communicate(timeout=30)  # all processes' ends of the pipes are closed
    line = "rec-jax: interrupted; what is written is whole, and the same command goes on from there\n"
    assert (process.returncode, out, err) == (130, "", line)


@pytest.mark.parametrize("jobs, kills", [("1", [1, 17]), ("2", [1])])
def test_killed_and_restarted_every_file_is_whole_and_none_is_done_twice(pictures, jobs, kills):
    seen = {}
    for n in kills:
        process = command("compress", "p", "-o", "out", "--jobs", jobs)
        wait_for_files(n)
        process.kill()
        process.communicate(timeout=30)  # also the other processes: they hold the pipes
        for name in list_outputs():
            status = os.stat(f"out/{name}")
            assert seen.setdefault(name, (status.st_ino, status.st_mtime_ns)) == (status.st_ino, status.st_mtime_ns)
    process = command("compress", "p", "-o", "out", "--jobs", jobs)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err == "" and f"{len(seen)} skipped" in out and f"{N - len(seen)} files" in out
    for i in range(N):
        header, _ = container.unpack((pictures / f"out/{i:02}.rec").read_bytes())
        assert header.pixel_crc32 == container.pixel_crc32(np.asarray(Image.open(f"p/{i:02}.png")))
    assert len(list_outputs()) == N and all(os.stat(f"out/{name}").st_ino == seen[name][0] for name in seen)

"""Several devices, and several processes, give the rows of one; no image is coded twice, and none is left out."""

import os
import subprocess
import sys

import jax
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError, RecError
from rec_jax.core.json_rows import read_rows, write_rows
from rec_jax.core.locks import InUse
from rec_jax.core.rows import open_rows
from rec_jax.evaluate import compression, shares
from rec_jax.evaluate.devices import map_on_devices
from rec_jax.evaluate.shares import Share, await_rows, open_shared_rows
from tests.evaluate.tiny_share import N_IMAGES, rows_of_images

IMAGES = [np.full((2, 2, 3), i, np.uint8) for i in range(7)]


@pytest.fixture
def coded(monkeypatch):
    """The numbers of the images coded so far; the coding itself is left out."""
    numbers = []

    def measure(codec, images, batch, seed, missing):
        for number in batch:
            if number in missing:
                numbers.append(number)
                yield {"image": number, "value": 7 * number}

    monkeypatch.setattr(compression, "_measure", measure)
    return numbers


def take(path, share, images=IMAGES):
    return compression.compress_images(None, images, path, batch_size=2, share=Share.parse(share))


def start(path, share, n_devices):
    flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count={n_devices}"
    command = [sys.executable, "-m", "tests.evaluate.tiny_share", str(path), share]
    env = os.environ | {"XLA_FLAGS": flags}
    return subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_eight_devices_and_two_processes_of_two_give_the_rows_of_one(tmp_path):
    started = [start(tmp_path / "eight.jsonl", "1/1", 8)]
    started += [start(tmp_path / "two.jsonl", f"{i + 1}/2", 2) for i in range(2)]
    one = rows_of_images(tmp_path / "one.jsonl")
    for process in started:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors
    for name, n_devices in (("eight", 8), ("two", 2)):
        rows = sorted(read_rows(tmp_path / f"{name}.jsonl"), key=lambda row: row["image"])
        assert [row["image"] for row in rows] == list(range(N_IMAGES))
        assert [row["value"] for row in rows] == [row["value"] for row in one]  # to the last bit
        assert {row["device"] for row in rows} == set(range(n_devices))
    assert {path.name for path in tmp_path.iterdir()} == {"one.jsonl", "eight.jsonl", "two.jsonl"}


def test_shares_fold_into_one_file_whatever_their_order_and_number(tmp_path, coded):
    path = tmp_path / "rows.jsonl"
    assert take(path, "3/3") is None and coded == [4, 5]
    assert take(path, "1/3") is None and coded == [4, 5, 0, 1, 6]
    assert take(path, "1/2") is None and coded == [4, 5, 0, 1, 6]  # another number of shares goes on
    rows = take(path, "2/2")
    assert [row["image"] for row in rows] == list(range(7)) == sorted(coded)
    assert take(path, "1/1") == rows and len(read_rows(path)) == 7


def test_a_share_that_was_killed_is_folded_in_and_goes_on(tmp_path, coded):
    path = tmp_path / "rows.jsonl"
    take(path, "1/2")
    part = tmp_path / "rows.share-2-of-2.jsonl"
    write_rows(part, [{"image": 2, "value": 14}])
    with part.open("a") as file:
        file.write('{"image": 3, "val')
    assert [row["image"] for row in take(path, "1/1")] == list(range(7))
    assert sorted(coded) == [0, 1, 3, 4, 5, 6] and not part.exists()


def test_two_processes_never_have_the_same_images(tmp_path, coded):
    path = tmp_path / "rows.jsonl"
    with open_shared_rows(path, Share(1, 2)):
        for other in ("2/2", "1/1", "1/3"):
            with pytest.raises(InUse, match="share-2-of-2.jsonl is in use by another run"):
                take(path, other)
        assert coded == []
        assert take(path, "1/2") is None and coded == [0, 1, 4, 5]
    with open_rows(path), pytest.raises(InUse):
        take(path, "1/1")


def test_shares_that_run_together_wait_for_each_other_and_not_for_the_dead(tmp_path, coded, monkeypatch):
    path = tmp_path / "rows.jsonl"
    monkeypatch.setattr(shares, "_WAIT_S", 0.0)
    monkeypatch.setattr(shares, "_POLL_S", 0.0)
    take(path, "1/2")
    with pytest.raises(RecError, match="rows are missing, and no process is at work"):
        await_rows(path, Share(0, 2), range(7))
    take(path, "2/2")
    assert [row["image"] for row in await_rows(path, Share(0, 2), range(7))] == list(range(7))


@pytest.mark.parametrize("text", ["3/2", "1", "-1/2", "a/b", "0/2"])
def test_a_share_that_cannot_be_is_refused(text):
    with pytest.raises(ConfigError, match=f"--shard={text}: I/N"):
        Share.parse(text)


def test_an_error_on_one_device_ends_the_others():
    def work(item):
        if item == 3:
            raise RecError("no")
        return item

    devices = [jax.devices()[0]] * 3
    assert sorted(map_on_devices(work, range(3), devices)) == [0, 1, 2]
    endless = iter(range(1 << 40))
    with pytest.raises(RecError, match="no"):
        list(map_on_devices(work, endless, devices))
    assert next(endless) < 20

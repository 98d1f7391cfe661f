import json
import struct

import numpy as np
import pytest
from PIL import Image
from tensorboardX.proto.event_pb2 import Event

from rec_jax.train.writers import MetricsWriter, Progress, read_rows


def read_events(folder):
    """{(tag, step): [values]} of every TensorBoard event file in a folder."""
    scalars = {}
    for path in folder.iterdir():
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length
            for value in event.summary.value:
                scalars.setdefault((value.tag, event.step), []).append(value.simple_value)
    return scalars


def write(workdir, restored_step, steps):
    writer = MetricsWriter(workdir, restored_step)
    for step in steps:
        writer.write(step, "train", {"loss_bpd": float(step)})
    writer.close()


def test_a_resume_leaves_neither_gap_nor_duplicate(tmp_path):
    write(tmp_path, 0, [1, 2, 3, 4, 5])
    write(tmp_path, 3, [4, 5, 6])  # the checkpoint was of step 3
    rows = read_rows(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert read_events(tmp_path / "tensorboard") == {("train/loss_bpd", row["step"]): [row["step"]] for row in rows}


def test_pictures_past_the_restored_step_go(tmp_path):
    picture = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    for restored, steps in ((0, (2, 4)), (3, (4,))):
        writer = MetricsWriter(tmp_path, restored)
        assert sorted(path.name for path in (tmp_path / "pictures").glob("*")) == [
            f"samples-{step:07d}.png" for step in (2, 4) if step <= restored
        ]
        for step in steps:
            writer.write_picture(step, "samples", picture + np.uint8(step))
        writer.close()
    for step in (2, 4):
        np.testing.assert_array_equal(
            Image.open(tmp_path / f"pictures/samples-{step:07d}.png"), picture + np.uint8(step)
        )
    assert read_events(tmp_path / "tensorboard").keys() == {("samples", 2), ("samples", 4)}


def test_a_run_without_a_checkpoint_begins_anew(tmp_path):
    write(tmp_path, 0, [1, 2])
    write(tmp_path, 0, [1])
    assert [row["step"] for row in read_rows(tmp_path / "metrics.jsonl")] == [1]


def test_a_row_cut_by_a_kill_is_dropped(tmp_path):
    write(tmp_path, 0, [1, 2])
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text() + json.dumps({"step": 3, "kind": "train"})[:-4])
    write(tmp_path, 2, [3])
    assert [row["step"] for row in read_rows(path)] == [1, 2, 3]


def test_progress_is_one_line_per_row_off_a_terminal(capsys):
    progress = Progress(0, 100, batch_size=4)
    for step in (10, 20):
        speed = progress.images_per_second(step)
        progress.show(step, {"elbo_bpd": 4.5, "kl_bpd": 1.0, "images_per_second": speed})
    progress.close()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("step 10/100: 4.5000 bits/dim") and "images/s" in lines[0] and "left" in lines[0]


def test_evaluation_time_is_not_training_time(monkeypatch):
    clock = iter([0.0, 1.0, 11.0, 12.0])  # start, pause, end of pause, row
    monkeypatch.setattr("rec_jax.train.writers.time.perf_counter", lambda: next(clock))
    progress = Progress(5, 100, batch_size=4, show=False)
    with progress.pause():
        pass
    assert progress.images_per_second(9) == pytest.approx(8.0)  # 4 steps of 4 images in 2 s

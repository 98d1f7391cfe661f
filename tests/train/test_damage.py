"""Damaged checkpoints are never resumed from or evaluated: the one before is, and a line says so."""

import json
import logging
import shutil

import jax
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.train.checkpoint import Checkpoints, restore_params
from rec_jax.train.digests import check_digests, with_digests
from rec_jax.train.loop import train
from tests.train.tiny import tiny_config, tiny_images

IMAGES = tiny_images()
CONFIG = dict(n_steps=2, save_every=1, log_every=1, evaluate_every=0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(workdir with the checkpoints 1 and 2, averaged parameters of step 1)."""
    workdir = tmp_path_factory.mktemp("run")
    first = train(tiny_config(**{**CONFIG, "n_steps": 1}), workdir, IMAGES)
    train(tiny_config(**CONFIG), workdir, IMAGES)
    return workdir, jax.device_get(first.ema_params)


@pytest.fixture
def workdir(run, tmp_path):
    shutil.copytree(run[0], tmp_path / "run")
    return tmp_path / "run"


def largest_file(folder):
    return max((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)


def flip(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty_items(step):
    for name in ("params", "ema_params", "training", "position"):
        shutil.rmtree(step / name)


def move_position(step):
    path = step / "position" / "metadata"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"seed": 1}))


DAMAGES = {
    "a bit of params": lambda step: flip(largest_file(step / "params")),
    "a bit of ema_params": lambda step: flip(largest_file(step / "ema_params")),
    "a bit of training": lambda step: flip(largest_file(step / "training")),
    "ema_params cut": lambda step: cut(largest_file(step / "ema_params")),
    "empty manifest": lambda step: (step / "ema_params" / "manifest.ocdbt").write_bytes(b""),
    "empty position": lambda step: (step / "position" / "metadata").write_bytes(b""),
    "another position": move_position,
    "empty step": empty_items,
    "nothing": lambda step: [shutil.rmtree(step), step.mkdir()],
}


# What spoils the averaged parameters; of the rest, evaluation needs nothing.
@pytest.mark.parametrize("name", ["a bit of ema_params", "ema_params cut", "empty manifest", "empty position"])
def test_an_evaluation_takes_the_checkpoint_before_a_damaged_one(run, workdir, name, caplog):
    DAMAGES[name](workdir / "checkpoints" / "2")
    jax.tree.map(np.testing.assert_array_equal, restore_params(workdir), run[1])
    assert "damaged checkpoints (step 2: " in caplog.text


@pytest.mark.parametrize("name", [name for name in DAMAGES if name not in ("a bit of ema_params", "empty manifest")])
def test_a_run_goes_on_from_the_checkpoint_before_a_damaged_one(workdir, name, caplog, capfd):
    DAMAGES[name](workdir / "checkpoints" / "2")
    state = train(tiny_config(**CONFIG), workdir, IMAGES)
    assert int(state.step) == 2
    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    ours = [line for line in warnings if "damaged checkpoints" in line]
    assert len(ours) == 1 and ours[0].endswith("going on from step 1") and "\n" not in ours[0]
    assert "Traceback" not in capfd.readouterr().err
    assert sorted(path.name for path in (workdir / "checkpoints").iterdir()) == ["1", "2"]
    assert (workdir / "damaged-checkpoint-2").is_dir()
    jax.tree.map(np.testing.assert_array_equal, restore_params(workdir), jax.device_get(state.ema_params))
    rows = [json.loads(line)["step"] for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    assert rows == [1, 2]


def set_aside(workdir):
    flip(largest_file(workdir / "checkpoints" / "2" / "params"))


def removed_by_hand(workdir):
    shutil.rmtree(workdir / "checkpoints" / "2")


@pytest.mark.parametrize("lose", [set_aside, removed_by_hand])
def test_a_step_saved_again_is_not_judged_by_the_sums_of_the_one_before(workdir, monkeypatch, caplog, lose):
    """Of a run that is killed after the checkpoint has its name and before its own sums are written."""
    lose(workdir)
    with monkeypatch.context() as context:
        context.setattr(Checkpoints, "_write_sums", lambda self: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            train(tiny_config(**CONFIG), workdir, IMAGES)
    caplog.clear()
    path = workdir / "checkpoints-sums" / "2.json"
    assert not path.exists() and (workdir / "checkpoints" / "2").is_dir()
    restore_params(workdir)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_no_intact_checkpoint_is_one_line(workdir):
    for step in ("1", "2"):
        for item in ("params", "ema_params"):
            flip(largest_file(workdir / "checkpoints" / step / item))
    for use in (lambda: restore_params(workdir), lambda: train(tiny_config(**CONFIG), workdir, IMAGES)):
        with pytest.raises(CorruptFile, match="has no intact checkpoint .step 2: .*step 1: ") as caught:
            use()
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_step_that_training_removes_while_it_is_read_is_no_damage(workdir, monkeypatch):
    """The trainer, which keeps one, has saved the next step."""
    folder, restore, wanted = workdir / "checkpoints", Checkpoints._restore_item, restore_params(workdir)
    shutil.rmtree(folder / "1")

    def remove_and_restore(self, step, name):
        if step == 2:
            (folder / "2").rename(folder / "3")
        return restore(self, step, name)

    monkeypatch.setattr(Checkpoints, "_restore_item", remove_and_restore)
    jax.tree.map(np.testing.assert_array_equal, restore_params(workdir), wanted)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"model": 3}', "\xff", "[" * 100_000])
def test_a_broken_config_is_one_line(workdir, text):
    (workdir / "config.json").write_bytes(text.encode("latin1"))
    with pytest.raises(CorruptFile, match=r"config\.json is not valid JSON") as caught:
        train(tiny_config(**CONFIG), workdir, IMAGES)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("row", ["{}", "3", '{"step": "x", "kind": "train", "unix_time": 1}', '{"step": 1', "\xff"])
def test_a_broken_row_is_one_line(workdir, row):
    path = workdir / "metrics.jsonl"
    path.write_bytes(row.encode("latin1") + b"\n" + path.read_bytes())
    with pytest.raises(CorruptFile, match=r"metrics\.jsonl: line 1 is damaged") as caught:
        train(tiny_config(**{**CONFIG, "n_steps": 3}), workdir, IMAGES)
    assert "\n" not in str(caught.value)


def test_digests():
    tree = {"a": np.zeros(3, np.float32), "b": {"c": np.ones((2, 2), np.int32)}}
    position = with_digests({"step": 1}, {"params": tree})
    check_digests(json.loads(json.dumps(position)), {"params": tree})
    check_digests({"step": 1}, {"params": tree})  # of a version without them
    others = [
        {"a": np.float32([0, 0, 1e-30]), "b": tree["b"]},
        {"a": np.zeros(3, np.int32), "b": tree["b"]},
        {"a": np.zeros((3, 1), np.float32), "b": tree["b"]},
        {"b": tree["b"]},
    ]
    for other in others:
        with pytest.raises(CorruptFile, match="its params"):
            check_digests(position, {"params": other})
    with pytest.raises(CorruptFile, match="its position"):
        check_digests(position | {"step": 2}, {"params": tree})


def test_other_data_is_no_damage(workdir):
    with pytest.raises(ConfigError, match="n_images=20, now it is 16"):
        train(tiny_config(**{**CONFIG, "n_steps": 3}), workdir, IMAGES[:16])

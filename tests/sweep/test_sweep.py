"""Sweeps: what is shared, skipped, left to others and taken over; the table and the plot of what came out."""

import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import launch
from rec_jax.core.errors import CorruptFile, MissingFile, RecError
from rec_jax.core.locks import locked
from rec_jax.evaluate.shares import Share
from rec_jax.evaluate.summary import RATES, summarise
from rec_jax.sweep.plot import draw_sweep
from rec_jax.sweep.runs import Run
from rec_jax.train.saved_config import read_config, with_overrides
from tests.train.tiny import tiny_config

OVERRIDES = [{"coder.omega": 2.0}, {"coder.omega": 4.0}, {"train.free_nats": 0.5}, {"coder.omega": 5.0}]
HOLD = """
from pathlib import Path
from rec_jax.core.locks import locked
with locked(Path({path!r})):
    print("in", flush=True)
    input()
"""


@pytest.fixture
def config():
    """tiny_config on the embedded photographs."""
    config = tiny_config(n_steps=2, evaluate_images=4)
    config.data.update(dict(kind="embedded", name="photographs", patch=16, patch_test=32))
    config.evaluate.update(dict(n_images=2))
    return config


@pytest.fixture
def done(monkeypatch):
    """(trained, evaluated): what was done; nothing really is. omega=4 fails."""
    trained, evaluated = [], []

    def fake_train(config, folder):
        trained.append(folder.name)
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)

    def fake_evaluate(config, folder):
        if config.coder.omega == 4.0:
            raise MissingFile("its images have gone")
        evaluated.append((folder.name, config.coder.omega))
        return summary(config.coder.omega)

    monkeypatch.setattr(launch, "train", fake_train)
    monkeypatch.setattr(launch, "evaluate", fake_evaluate)
    return trained, evaluated


def summary(value):
    rates = dict.fromkeys((f"{name}_bpd" for name in RATES), value)
    row = dict(n_dims=12, kind=0, encode_s=0.0, decode_s=0.0, **rates)
    return summarise([row, row | {"file_bpd": value + 1.0}])


def read_table(workdir):
    with (workdir / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_sweep_shares_weights_skips_what_is_done_and_survives_a_failure(config, tmp_path, done):
    trained, evaluated = done
    for _ in range(2):
        with pytest.raises(RecError, match="1 runs of the sweep failed: coder.omega=4.0"):
            launch.sweep(config, tmp_path, OVERRIDES)
        assert evaluated == [("coder.omega=2.0", 2.0), ("train.free_nats=0.5", 3.0), ("coder.omega=5.0", 5.0)]
    assert trained == [tmp_path.name, "train.free_nats=0.5", tmp_path.name]  # the shared weights once a process
    assert (tmp_path / "coder.omega=5.0" / "checkpoints").resolve() == tmp_path.resolve() / "checkpoints"
    assert read_config(tmp_path / "coder.omega=5.0").coder.omega == 5.0


def test_the_table_has_every_swept_value_and_the_plot_is_a_picture(config, tmp_path, done, capsys):
    with pytest.raises(RecError):
        launch.sweep(config, tmp_path, OVERRIDES)
    assert capsys.readouterr().out.startswith("3 of 4 runs are finished: ")
    rows = read_table(tmp_path)
    assert [row["run"] for row in rows] == ["coder.omega=2.0", "train.free_nats=0.5", "coder.omega=5.0"]
    assert [row["coder.omega"] for row in rows] == ["2.0", "3.0", "5.0"]  # of a run that leaves it, the config's own
    assert float(rows[2]["file_bpd"]) == pytest.approx(5.5) and float(rows[2]["file_bpd_error"]) == pytest.approx(0.5)
    with Image.open(tmp_path / "sweep.png") as image:
        assert image.format == "PNG" and image.width > image.height


def test_shards_do_every_run_once_and_the_last_one_reports_all(config, tmp_path, done):
    _, evaluated = done
    overrides = [OVERRIDES[0], OVERRIDES[2], OVERRIDES[3]]
    launch.sweep(config, tmp_path, overrides, Share(1, 2))
    assert [name for name, _ in evaluated] == ["train.free_nats=0.5"] and len(read_table(tmp_path)) == 1
    launch.sweep(config, tmp_path, overrides, Share(0, 2))
    assert len(evaluated) == 3 and len(read_table(tmp_path)) == 3


def test_a_run_of_another_process_is_left_to_it_until_that_process_dies(config, tmp_path, done):
    _, evaluated = done
    overrides = [OVERRIDES[0], OVERRIDES[2]]
    words = [sys.executable, "-c", HOLD.format(path=str(tmp_path / "coder.omega=2.0"))]
    root = Path(launch.__file__).parent
    holder = subprocess.Popen(words, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "in\n"
    launch.sweep(config, tmp_path, overrides)
    assert evaluated == [("train.free_nats=0.5", 3.0)]
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    launch.sweep(config, tmp_path, overrides)
    assert evaluated == [("train.free_nats=0.5", 3.0), ("coder.omega=2.0", 2.0)]


def test_shared_weights_in_training_elsewhere_let_the_other_runs_go_first(config, tmp_path, done, monkeypatch):
    _, evaluated = done
    fake_evaluate = launch.evaluate

    def evaluate(changed, folder):
        if not evaluated:
            held.__exit__(None, None, None)  # the other process has trained them now
        return fake_evaluate(changed, folder)

    monkeypatch.setattr(launch, "evaluate", evaluate)
    held = locked(tmp_path)
    held.__enter__()
    launch.sweep(config, tmp_path, [OVERRIDES[0], OVERRIDES[2]])
    assert [name for name, _ in evaluated] == ["train.free_nats=0.5", "coder.omega=2.0"]


def test_another_config_is_another_result_and_damage_is_named(config, tmp_path, done):
    _, evaluated = done
    launch.sweep(config, tmp_path, OVERRIDES[:1])
    launch.sweep(with_overrides(config, {"evaluate.n_images": 1}), tmp_path, OVERRIDES[:1])
    assert len(evaluated) == 2
    (tmp_path / "coder.omega=2.0" / "result.json").write_text("{")
    with pytest.raises(CorruptFile, match="result.json is damaged; delete it"):
        launch.sweep(config, tmp_path, OVERRIDES[:1])


@pytest.mark.parametrize(
    "field, values", [("coder.kind", ["tree", "beam_search"]), ("train.learning_rate", [1e-4, 1.0])]
)
def test_values_of_any_kind_are_drawn(config, tmp_path, field, values):
    with config.unlocked():
        runs = [Run(tmp_path / str(v), {field: v}, with_overrides(config, {field: v})) for v in values]
    draw_sweep(tmp_path / "one.png", [(run, summary(2.0)) for run in runs])
    assert (tmp_path / "one.png").stat().st_size > 5000

import shutil

import jax
import numpy as np
import pytest

from configs.base import choose_phases
from rec_jax.core.errors import ConfigError, MissingFile, TrainingDiverged
from rec_jax.data.embedded import embedded_patches
from rec_jax.train.checkpoint import Checkpoints, restore_params
from rec_jax.train.loop import train
from rec_jax.train.saved_config import read_config
from rec_jax.train.writers import read_rows
from tests.train.tiny import first_weight, tiny_config, tiny_images

IMAGES = tiny_images()


def rows_without_clock(workdir):
    clock = ("unix_time", "images_per_second")
    return [{k: v for k, v in row.items() if k not in clock} for row in read_rows(workdir / "metrics.jsonl")]


def assert_equal_trees(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("finished")
    return workdir, train(tiny_config(), workdir, IMAGES, [first_weight])


def test_a_run_leaves_rows_checkpoints_and_its_config(finished):
    workdir, state = finished
    assert int(state.step) == 12
    rows = rows_without_clock(workdir)
    assert [(row["step"], row["kind"]) for row in rows] == [
        (4, "train"), (6, "evaluate"), (8, "train"), (12, "train"), (12, "evaluate")
    ]  # fmt: skip
    assert rows[2]["elbo_bpd"] < rows[0]["elbo_bpd"]
    assert rows[0]["elbo_bpd"] == pytest.approx(rows[0]["distortion_bpd"] + rows[0]["kl_bpd"])
    assert sorted(path.name for path in (workdir / "checkpoints").iterdir()) == ["12", "6"]
    assert read_config(workdir).to_dict() == tiny_config().to_dict()


def test_restored_parameters_are_those_of_the_state(finished):
    workdir, state = finished
    assert_equal_trees(restore_params(workdir), state.ema_params)
    assert_equal_trees(restore_params(workdir, ema=False), state.params)


def test_a_finished_run_is_only_restored(finished):
    workdir, state = finished
    before = (workdir / "metrics.jsonl").read_text()
    assert_equal_trees(train(tiny_config(), workdir, IMAGES, [first_weight]), state)
    assert (workdir / "metrics.jsonl").read_text() == before


def test_a_longer_run_goes_on_as_if_it_had_been_asked_for_at_once(finished, tmp_path):
    _, state = finished
    train(tiny_config(n_steps=8), tmp_path, IMAGES, [first_weight])  # logged at 8 in both
    assert_equal_trees(train(tiny_config(), tmp_path, IMAGES, [first_weight]), state)


def test_another_config_or_other_data_is_refused(finished):
    workdir, _ = finished
    with pytest.raises(ConfigError, match="train.free_nats=0.1, now it is 0.5"):
        train(tiny_config(free_nats=0.5), workdir, IMAGES)
    with pytest.raises(ConfigError, match="n_images=20, now it is 16"):
        train(tiny_config(n_steps=20), workdir, IMAGES[:16])


@pytest.mark.parametrize("log_every", [1, 12])
def test_divergence_names_its_first_step_and_keeps_the_last_checkpoint(tmp_path, log_every):
    config = tiny_config(
        learning_rate=1e38, warmup_steps=0, log_every=log_every, save_every=1 if log_every == 1 else 12
    )
    with pytest.raises(TrainingDiverged, match=r"not finite at step 2;") as error:
        train(config, tmp_path, IMAGES)
    assert "\n" not in str(error.value)
    if log_every == 1:
        assert "the checkpoint of step 1 is kept" in str(error.value)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(restore_params(tmp_path, ema=False)))
    else:
        with pytest.raises(MissingFile):
            restore_params(tmp_path)


def test_a_checkpoint_that_cannot_be_written_is_one_line_and_the_last_one_stays(finished, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise ValueError("RESOURCE_EXHAUSTED:\n  write failed: quota")

    _, state = finished
    later = state._replace(step=state.step + 1)
    with Checkpoints(tmp_path, 2) as checkpoints:
        checkpoints.save(state)
        monkeypatch.setattr(checkpoints._manager, "save", broken)
        with pytest.raises(OSError, match="the checkpoint of step 13 .*quota") as error:
            checkpoints.save(later)
        assert "\n" not in str(error.value)
        full = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
        monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
        with pytest.raises(OSError, match="step 13 .*no space left: 4 MiB are needed, 1 MiB are free"):
            checkpoints.save(later)
    assert_equal_trees(restore_params(tmp_path), state.ema_params)


def test_a_folder_without_checkpoints_is_named(tmp_path):
    with pytest.raises(MissingFile, match="holds no checkpoint"):
        restore_params(tmp_path)


@pytest.mark.parametrize(
    "field, value, message",
    [
        ("n_steps", 0, "train.n_steps=0 must be at least 1"),
        ("batch_size", 21, "train.batch_size=21 is more than the 20 training images"),
        ("compute_dtype", "float16", "auto, float32, bfloat16"),
        ("unroll", "maybe", "auto, true, false"),
    ],
)
def test_settings_that_cannot_be_trained(tmp_path, field, value, message):
    with pytest.raises(ConfigError, match=message):
        train(tiny_config(**{field: value}), tmp_path, IMAGES)


def test_images_that_cannot_be_trained(tmp_path):
    with pytest.raises(ConfigError, match="must be uint8"):
        train(tiny_config(), tmp_path, IMAGES.astype(np.float32))


def test_bfloat16_and_scanned_blocks_train_too(finished, tmp_path):
    config = tiny_config(n_steps=4, compute_dtype="bfloat16", unroll="false", evaluate_every=0)
    state = train(config, tmp_path, IMAGES)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(state.params))
    exact = rows_without_clock(finished[0])[0]["elbo_bpd"]
    assert rows_without_clock(tmp_path)[0]["elbo_bpd"] == pytest.approx(exact, rel=0.02)


def test_a_model_by_phases_learns_and_its_bases_stay(tmp_path):
    config = choose_phases(tiny_config())
    with config.unlocked():
        config.model.update(dict(widths=(6,), spatial=(0,), n_pointwise=0, window=3, n_components=2))
    config.train.update(dict(n_steps=40, log_every=20, evaluate_every=20, save_every=40))
    config.train.update(dict(warmup_steps=1, cosine_steps=400))
    images = embedded_patches("train", 32).array()[:40, :2, :2].copy()
    averages = []  # of the weights, at steps 20 and 40

    def keep(step, params):
        averages.append(jax.device_get(params["likelihood"]["sets"]["0"]))
        yield "step", float(step)

    train(config, tmp_path, images, [keep])
    early, late = averages
    first, last = (row["elbo_bpd"] for row in rows_without_clock(tmp_path) if row["kind"] == "train")
    assert last < first - 0.1
    for kind, network in late.items():
        assert_equal_trees(network["base"], early[kind]["base"])
        assert np.abs(network["first"]["w"] - early[kind]["first"]["w"]).max() > 1e-3

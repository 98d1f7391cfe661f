import csv
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

import launch
from configs.photos_hyperprior import get_config as get_hyperprior_config
from rec_jax.codec import calibrate
from rec_jax.codec.model_file import read_model_file, write_model_file
from rec_jax.codec.package import open_package
from rec_jax.codec.training_start import params_of_model
from rec_jax.core.config_values import with_tuples
from rec_jax.core.errors import ConfigError, MissingFile, RecError
from rec_jax.core.locks import InUse, locked
from rec_jax.core.messages import one_line
from rec_jax.models import make_model
from rec_jax.models.elbo import elbo_terms
from rec_jax.models.exact_params import trainable_params
from rec_jax.train.checkpoint import restore_params
from rec_jax.train.saved_config import with_overrides
from tests.codec.tiny_codec import tiny_phases
from tests.codec.tiny_lossy import photograph
from tests.train.tiny import tiny_config

ROOT = Path(launch.__file__).parent


@pytest.fixture
def config(monkeypatch):
    """tiny_config on the embedded photographs, few of which teach the coder."""
    monkeypatch.setattr(calibrate, "N_IMAGES", 16)
    config = tiny_config(n_steps=2, save_every=2, log_every=1, evaluate_every=2, evaluate_images=4)
    config.data.update(dict(kind="embedded", name="photographs", patch=16, patch_test=32))
    config.coder.update(dict(n_beams=2))
    config.evaluate.update(dict(n_images=2, batch_size=2))
    config.train.n_pictures = 0
    return config


def test_train_then_export(config, tmp_path, capsys):
    config.train.n_pictures = 2
    launch.train(config, tmp_path)
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {
        "samples-0000002.png",
        "reconstructions-0000002.png",
    }
    other = ConfigDict(config.to_dict())
    other.train.n_steps = 99  # what was trained is what the workdir says
    launch.export(other, tmp_path, tmp_path / "model.safetensors")
    assert "model id" in capsys.readouterr().out
    model = read_model_file(tmp_path / "model.safetensors")
    assert model.config["train"] == with_tuples(config.train.to_dict()) and config.train.n_steps == 2
    assert model.config["model"] == with_tuples(config.model.to_dict())
    assert len(model.config["coder"]["layer_step_counts"]) == len(model.config["coder"]["layer_weights"]) == 1
    assert set(model.params) == {"top", "likelihood", "down_sample", "up", "down", "up_sample"}
    floats = [x for x in jax.tree.leaves(model.params["up"]) if x.dtype == np.float32]  # what only an encoder needs
    assert floats and all(np.array_equal(x, x.astype(np.float16)) for x in floats)


def test_an_export_replaces_nothing_but_a_model_file(config, tmp_path, monkeypatch):
    write_model_file(tmp_path / "old.safetensors", {"a": np.zeros(1, np.float32)}, {})
    (tmp_path / "picture.safetensors").write_bytes(b"a picture")
    (tmp_path / "picture.png").write_bytes(b"a picture")
    reached = MissingFile("the weights were read")
    monkeypatch.setattr("rec_jax.train.checkpoint.restore_params", Mock(side_effect=reached))
    for name, words in {
        "picture.png": "picture.png: a model file is written; give a name that ends in .safetensors",
        "picture.safetensors": "picture.safetensors exists and is no model file; name another",
        "absent/model.safetensors": "absent: no such directory",
        "old.safetensors": "the weights were read",
        "new.safetensors": "the weights were read",
    }.items():
        with pytest.raises(RecError, match=words):
            launch.export(config, tmp_path, tmp_path / name)


def test_what_the_system_refuses_is_told_without_numbers(monkeypatch):
    monkeypatch.setattr(launch, "raise_on_sigterm", Mock(side_effect=FileNotFoundError(2, "No such file", "x")))
    with pytest.raises(SystemExit, match="^launch.py: x: No such file$"):
        launch.main(["launch.py"])


@pytest.fixture
def quantised_config():
    config = get_hyperprior_config("quick")
    config.train.update(dict(n_steps=2, save_every=2, log_every=1, evaluate_every=2, evaluate_images=4))
    return config


def test_a_quantised_model_is_trained_and_writes_files(quantised_config, tmp_path, capsys):
    config = quantised_config
    launch.train(config, tmp_path)
    assert (tmp_path / "pictures" / "reconstructions-0000002.png").exists()
    path = tmp_path / "model.safetensors"
    launch.export(config, tmp_path, path)
    assert "model id" in capsys.readouterr().out
    codec, image = open_package(path).codec().without_fallback(), np.random.default_rng(0).integers(0, 99, (9, 70, 3))
    small, large = (codec.at(quality).compress(image.astype(np.uint8)) for quality in (0, 100))
    assert len(small) < len(large) and codec.decompress(large).shape == image.shape
    config = with_overrides(config, {"model.distortion": "ms_ssim"})
    start = trainable_params(open_package(path).model, open_package(path).stored)
    jax.tree.map(np.testing.assert_array_equal, params_of_model(str(path), config.model.to_dict(), 0), start)


def test_a_lossy_model_is_swept_over_pictures_of_any_size(quantised_config, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(launch, "_MODEL", SimpleNamespace(value=None))
    config = quantised_config
    config.train.evaluate_every = 0
    config.data.update(dict(kind="folder", data_dir=str(tmp_path), patch_test=0, variants=0))
    for split, sides in (("train", 8 * [(64, 64)]), ("test", [(20, 33), (70, 65)])):
        (tmp_path / split).mkdir()
        for seed, (height, width) in enumerate(sides):
            Image.fromarray(photograph(height, width, seed)).save(tmp_path / split / f"{seed}.png")
    launch.sweep(config, tmp_path / "run", [{"evaluate.qualities": (10, 90)}, {"evaluate.n_images": 1}])
    out = capsys.readouterr().out
    assert "2 images, 4 files, each" in out and "1 images, 5 files, each" in out
    assert out.splitlines()[-1].startswith("2 of 2 runs are finished: ")
    with Image.open(tmp_path / "run" / "curves.png") as image:
        assert image.format == "PNG"
    with (tmp_path / "run" / "sweep.csv").open(newline="") as file:
        both, five = csv.DictReader(file)
    (path,) = (tmp_path / "run" / "evaluate.qualities=(10, 90)" / "evaluate").glob("*.json")
    means = json.loads(path.read_text())["means"]
    assert float(both["bpp_q90"]) == means["bpp"][1] > float(both["bpp_q10"]) == means["bpp"][0]
    assert both["psnr_db_q50"] == "" and float(five["psnr_db_q50"]) > 0 and five["psnr_db_q50_error"] == ""


def test_a_run_starts_from_a_model_and_resumes_without_it(config, tmp_path):
    launch.train(config, tmp_path / "one")
    path = tmp_path / "one.safetensors"
    launch.export(config, tmp_path / "one", path)
    package = open_package(path)
    start = trainable_params(package.model, package.stored)
    further = config.copy_and_resolve_references()
    further.train.update(dict(initial_model=str(path), learning_rate=1e-30))
    launch.train(further, tmp_path / "two")
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), restore_params(tmp_path / "two"), start)
    launch.export(further, tmp_path / "two", tmp_path / "two.safetensors")
    assert read_model_file(tmp_path / "two.safetensors").config["train"]["initial_model"] == "one.safetensors"
    richer = with_overrides(further, {"model.likelihood": "colour_mixture", "train.n_steps": 1})
    launch.train(richer, tmp_path / "richer")  # from the same network under the paper's likelihood
    jax.tree.map(np.testing.assert_array_equal, restore_params(tmp_path / "richer")["up"], start["up"])
    path.unlink()
    launch.train(with_overrides(further, {"train.n_steps": 3}), tmp_path / "two")
    with pytest.raises(MissingFile, match="no model .*one.safetensors"):
        launch.train(further, tmp_path / "three")


def test_a_run_that_starts_from_another_network_is_refused(config, tmp_path):
    config.train.initial_model = "cifar10-rvae"
    with pytest.raises(ConfigError, match="'cifar10-rvae' is a model of .*, the config's model section is ") as error:
        launch.train(config, tmp_path)
    assert "\n" not in str(error.value)


def test_a_workdir_that_is_a_file_or_of_another_run_is_told_at_once(tmp_path):
    path = tmp_path / "file"
    path.touch()
    done = quickstart(path)
    assert done.stderr == f"launch.py: --workdir={path} is a file; name a folder, which is made if there is none\n"
    for seed, n_lines in ((0, 0), (1, 1)):
        done = quickstart(tmp_path / "run", f"--config.seed={seed}", "--config.train.n_steps=2")
        assert done.returncode == n_lines and done.stderr.count("\n") >= n_lines
    assert "was started with seed=0, now it is 1" in done.stderr and "resumed" not in done.stdout + done.stderr


def test_phases_may_learn_of_the_border_of_pictures_anew(config, tmp_path):
    """As the model was before its first step, with weights for the border; one that knows it is not started blind."""
    section = dict(kind="phases", widths=(6, 4), spatial=(3, 0), n_pointwise=1, window=3, n_components=2)
    x = jnp.asarray(photograph(9, 7)[None], jnp.float32)
    path = str(tmp_path / "phases.safetensors")
    write_model_file(path, tiny_phases().package.stored, dict(model=section, coder=config.coder.to_dict()))
    old, new = params_of_model(path, section, 0), params_of_model(path, section | {"border": True}, 0)
    bounds = [
        elbo_terms(make_model(section | {"border": border}), params, x, jax.random.key(0)).log_likelihood_nats
        for border, params in ((False, old), (True, new))
    ]
    assert bounds[0] == bounds[1] and len(jax.tree.leaves(new)) > len(jax.tree.leaves(old))
    aware = tiny_phases(border=True)
    write_model_file(path, aware.package.stored, dict(model=section | {"border": True}, coder=config.coder.to_dict()))
    with pytest.raises(ConfigError, match="make them equal"):
        params_of_model(path, section, 0)


def test_a_model_without_latents_starts_no_network_with_them(config, tmp_path):
    section = dict(kind="phases", widths=(6, 4), spatial=(3, 0), n_pointwise=1, window=3, n_components=2)
    written = dict(model=section, coder=config.coder.to_dict())
    write_model_file(tmp_path / "phases.safetensors", tiny_phases().package.stored, written)
    with pytest.raises(ConfigError, match="is a model of {'kind': 'phases', .* make them equal"):
        params_of_model(str(tmp_path / "phases.safetensors"), config.model.to_dict(), 0)


@pytest.mark.parametrize(
    "overrides, message",
    [
        ([{"coder.omega": 2.0}, {"coder.omgea": 4.0}], "coder.omgea=4.0: the config has no field"),
        ([{"train.n_steps": "many"}], "train.n_steps=many"),
        ([{"train.n_steps": 2}, {"train.ema_decay": 1.5}], "override train.ema_decay=1.5: train.ema_decay=1.5 must be"),
        ([{"evaluate.n_images": 0}], "evaluate.n_images=0 must be at least 1"),
        ([{"coder.kind": "other"}], "coder.kind='other'"),
        ([{"data.patch": 15}], "data.patch=15 must be a multiple of the model's stride"),
        ([{"data.split_test": "nothing", "data.kind": "folder"}], "data.kind=folder: "),
        ([{"train.seed": 1}], "no field train.seed"),
        ([{"seed": 1}, {"seed": 1}], "twice"),
        ([{}], "changes nothing"),
        (["seed"], "must return a list of"),
    ],
)
def test_what_a_sweep_cannot_do_is_told_before_its_first_run(config, tmp_path, monkeypatch, overrides, message):
    monkeypatch.setattr(launch, "train", lambda *_: pytest.fail("it trained"))
    with pytest.raises(RecError) as caught:
        launch.sweep(config, tmp_path, overrides)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


HOLD = """
import time
from pathlib import Path
from rec_jax.core.locks import locked
with locked(Path({path!r})):
    print("in", flush=True)
    time.sleep(300)
"""


def quickstart(workdir, *words):
    command = [sys.executable, "launch.py", "--config=configs/quickstart.py:quick", f"--workdir={workdir}", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)


def test_a_workdir_has_one_training_at_a_time(tmp_path):
    with locked(tmp_path):
        done = quickstart(tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"launch.py: {tmp_path} is in use by another run (process ")
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_of_processes_that_train_together_the_main_one_holds_the_workdir(config, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(launch, "train", lambda *arguments: trained.append(arguments))
    with locked(tmp_path):
        monkeypatch.setattr(launch, "is_main_process", lambda: False)
        launch.train_alone(config, tmp_path)
    assert trained == [(config, tmp_path)]


def test_the_workdir_of_a_killed_run_is_free(config, tmp_path, monkeypatch):
    trained = []
    monkeypatch.setattr(launch, "train", lambda *arguments: trained.append(arguments))
    hold = [sys.executable, "-c", HOLD.format(path=str(tmp_path))]
    with subprocess.Popen(hold, stdout=subprocess.PIPE, text=True, cwd=ROOT) as holder:
        assert holder.stdout.readline() == "in\n"
        with pytest.raises(InUse, match=f"process {holder.pid} "):
            launch.train_alone(config, tmp_path)
        holder.kill()
    launch.train_alone(config, tmp_path)
    assert trained == [(config, tmp_path)]


def save_images(folder, *sizes):
    folder.mkdir(parents=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(folder / f"{number}.png")


def test_test_images_that_cannot_be_evaluated_are_told_before_training(config, tmp_path):
    save_images(tmp_path / "train", *12 * [(16, 16)])
    save_images(tmp_path / "test", (32, 32), (33, 32), (16, 16))
    config.data.update(dict(kind="folder", data_dir=str(tmp_path), patch=0, patch_test=0))
    with pytest.raises(ConfigError, match=r"1\.png, a test image, is 33x32: .* set data.patch"):
        launch.train(config, tmp_path / "run")
    with pytest.raises(ConfigError, match=r"image 1 of evaluate.split=test is 33x32: .* set data.patch_test=32"):
        launch.check_evaluation(config)
    (tmp_path / "test" / "1.png").unlink()
    with pytest.raises(ConfigError, match=r"image 1 of evaluate.split=test is 16x16: .* take larger images"):
        launch.check_evaluation(config)
    assert not (tmp_path / "run").exists()


def test_the_advice_on_embedded_images_can_be_followed(config):
    config.data.patch_test = 0
    with pytest.raises(ConfigError, match="image 0 of evaluate.split=test is 16x16: .* set data.patch_test=32"):
        launch.check_evaluation(config)
    config.data.patch_test = 32
    launch.check_evaluation(config)


@pytest.mark.parametrize(
    "flag, message",
    [
        (
            "--config.coder.n_bems=4",
            "--config.coder.n_bems=4: the config has no field 'n_bems'; did you mean 'n_beams'?",
        ),
        ("--config.train.n_steps=many", "invalid literal for int() with base 10: 'many'"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line(tmp_path, flag, message):
    done = quickstart(tmp_path, flag)
    assert done.returncode == 1
    assert done.stderr.endswith(f"{message}\n") and done.stderr.count("\n") == 1 and done.stdout == ""
    assert not list(tmp_path.iterdir())


def test_quoted_tracebacks_shrink_to_what_was_meant():
    quoted = "flag: Traceback (most recent call last):\n  File x\n    raise ValueError(...)\nValueError: have 'quick'\n"
    assert one_line(ValueError(quoted)) == "have 'quick'"
    assert one_line(ValueError("one\n  two")) == "one two"


def test_an_empty_word_means_no_default(tmp_path):
    for flag in ("--workdir=", "--model=", "--output=", "--coordinator=", "--shard="):
        done = quickstart(tmp_path, flag)
        assert done.returncode == 1 and done.stderr == (
            f"launch.py: {flag} is empty; name what it takes, or leave it out if it is not required\n"
        )
    assert not list(tmp_path.iterdir())

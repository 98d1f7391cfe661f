"""The command line with real models: the same pixels come back, and only `compress` with latents imports jax."""

import contextlib
import dataclasses
import subprocess
import sys

import jax
import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.cli.codecs import open_codec
from rec_jax.codec import base, container
from rec_jax.codec.container import pack_stored
from rec_jax.codec.model_file import write_model_file
from rec_jax.codec.package import Package
from tests.cli.running import environment
from tests.codec.tiny_codec import CODER, COUNTS, LEVELS, WEIGHTS, smooth_image, tiny_package, tiny_phases

IMAGE = smooth_image(32, 32)
VAE = dict(kind="resnet_vae", levels=LEVELS, likelihood="colour_mixture", n_components=2)
PHASES = dict(kind="phases", widths=(6, 4), spatial=(3, 0), n_pointwise=1, window=3, n_components=2)


def write_package(path, package: Package, model: dict, **coder):
    write_model_file(path, package.stored, dict(model=model, coder=CODER | coder))


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A folder with latents.rec and phases.rec of IMAGE, each beside the model file that wrote it, and raw.rec."""
    folder = tmp_path_factory.mktemp("models")
    counts = [list(dataclasses.astuple(count)) for count in COUNTS]
    learned = dict(layer_step_counts=counts, layer_weights=WEIGHTS)
    write_package(folder / "latents.safetensors", tiny_package(), VAE, **learned)
    write_package(folder / "phases.safetensors", tiny_phases().package, PHASES)
    Image.fromarray(IMAGE).save(folder / "in.png")
    (folder / "raw.rec").write_bytes(pack_stored(IMAGE))
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "quick_embedded", lambda image: (0, bytes(9 * image.size)))  # never the smaller
        for name in ("latents", "phases"):
            words = ["--model", f"{name}.safetensors", "--preset", "fast", "--verify"]
            assert cli.main(["compress", "in.png", f"{name}.rec", *words]) == 0
            assert container.unpack((folder / f"{name}.rec").read_bytes())[0].kind == container.LOSSLESS
    return folder


LIGHT = """
import sys
sys.modules["jax"] = None
from rec_jax import cli
for words in {commands}:
    try:
        code = cli.main(words)
    except SystemExit as error:
        code = error.code
    assert code == 0, words
assert not any(name.partition(".")[0] in ("jax", "jaxlib") for name in sys.modules if name != "jax")
"""


def test_all_but_compress_do_without_jax(models, tmp_path):
    commands = [["models"], ["--help"], ["--version"]]
    for name in ("latents", "phases", "raw"):
        commands.append(["info", f"{name}.rec"])
        model = [] if name == "raw" else ["--model", f"{name}.safetensors"]
        commands.append(["decompress", f"{name}.rec", str(tmp_path / f"{name}.png"), *model])
    again, phases = str(tmp_path / "again"), ["--model", "phases.safetensors"]
    commands.append(["compress", "in.png", f"{again}.rec", *phases])
    commands.append(["decompress", f"{again}.rec", f"{again}.png", *phases])
    bulk = ["-o", str(tmp_path), *phases, "--jobs", "1"]
    commands += [["compress", "in.png", *bulk], ["decompress", str(tmp_path / "in.rec"), *bulk]]
    command = [sys.executable, "-c", LIGHT.format(commands=commands)]
    done = subprocess.run(command, cwd=models, capture_output=True, text=True, check=False, env=environment())
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("latents", "phases", "raw", "again", "in"):
        np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / f"{name}.png")), IMAGE)


def test_the_models_are_not_taken_for_each_other(models, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(models)
    words = ["decompress", "latents.rec", str(tmp_path / "out.png")]
    assert cli.main([*words, "--model", "phases.safetensors"]) == 1
    assert "the file was written with model" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_model_without_latents_decodes_on_the_processor_whatever_the_device(models, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(models)
    device = ["--model", "phases.safetensors", "--device", "gpu"]
    assert cli.main(["decompress", "phases.rec", str(tmp_path / "out.png"), *device]) == 0
    assert "exact, on the processor, " in capsys.readouterr().out
    assert cli.main(["decompress", "phases.rec", "-o", str(tmp_path / "many"), *device]) == 0
    for path in (tmp_path / "out.png", tmp_path / "many" / "phases.png"):
        np.testing.assert_array_equal(np.asarray(Image.open(path)), IMAGE)


def test_a_command_keeps_its_programs_beside_no_cache_of_jax(tmp_path, monkeypatch):
    names = ("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs")
    before = {name: getattr(jax.config, name) for name in names}
    monkeypatch.setenv("REC_JAX_CACHE_DIR", str(tmp_path))
    try:
        jax.config.update("jax_compilation_cache_dir", None)
        assert open_codec("cifar10-rvae", "fast").programs._folder == tmp_path / "programs"
        assert jax.config.jax_compilation_cache_dir is None
        monkeypatch.setattr("rec_jax.core.kept_programs.can_be_kept", lambda static: False)
        assert open_codec("cifar10-rvae", "fast").programs is None
        assert jax.config.jax_compilation_cache_dir == str(tmp_path)
    finally:
        for name, value in before.items():
            jax.config.update(name, value)

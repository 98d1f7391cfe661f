"""What names the rows of an evaluation: images, weights, coder, code; the coding itself is left out."""

import numpy as np
import pytest
from PIL import Image
from tiny_codec import tiny_params

from configs.base import base, shrink
from rec_jax.codec.learned import Learned
from rec_jax.codec.model_file import write_model_file
from rec_jax.coders import StepCountModel
from rec_jax.core import rows
from rec_jax.core.errors import CorruptFile
from rec_jax.evaluate import run
from rec_jax.models import make_model
from rec_jax.models.exact_params import quantise_params

LEARNED = Learned((StepCountModel(2, 200, 160),), ((9, 4),))


@pytest.fixture
def named(tmp_path, monkeypatch):
    """(config, evaluate -> name of the rows) with a folder of three pictures and a tiny model."""
    config = shrink(base())
    with config.unlocked():
        config.model.levels = ((4, 1, 4, 2),)
        config.data.update(dict(kind="folder", name="mine", data_dir=str(tmp_path / "a"), split_train=".", patch=32))
        config.data.split_test, config.evaluate.n_images = ".", 2
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    write_folder(tmp_path / "a", pixels)
    model = make_model(config.model)
    params = tiny_params(model)
    for name, shift in (("tiny", 0.0), ("other", 1e-3)):
        stored = quantise_params(model, params | {"top": params["top"] + np.float32(shift)})
        write_model_file(tmp_path / f"{name}.safetensors", stored, config.to_dict())
    names = []
    monkeypatch.setattr(run, "calibrate", lambda *_: LEARNED)
    monkeypatch.setattr(run, "compress_images", lambda codec, images, path, **_: names.append(path.stem) or [])
    monkeypatch.setattr(run, "summarise", lambda rows_: None)
    monkeypatch.setattr(run, "write_summary", lambda path, summary: None)

    def name_of(model="tiny"):
        run.evaluate(config, tmp_path / "workdir", str(tmp_path / f"{model}.safetensors"))
        return names[-1]

    return config, name_of


def write_folder(folder, pixels):
    folder.mkdir(exist_ok=True)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{i}.png")


def test_an_evaluation_has_one_name_wherever_its_images_lie(named, tmp_path):
    config, name_of = named
    name = name_of()
    assert name.startswith("mine-test-") and name_of() == name
    write_folder(tmp_path / "b", [np.asarray(Image.open(tmp_path / "a" / f"{i}.png")) for i in range(3)])
    config.data.data_dir, config.evaluate.n_images = str(tmp_path / "b"), 3
    assert name_of() == name


def test_another_image_option_weight_or_program_has_another_name(named, tmp_path, monkeypatch):
    config, name_of = named
    names = [name_of(), name_of("other")]
    config.coder.update(n_beams=config.coder.n_beams + 1)
    names.append(name_of())
    config.seed += 1
    names.append(name_of())
    pixels = np.asarray(Image.open(tmp_path / "a" / "2.png")).copy()
    pixels[0, 0, 0] ^= 1
    Image.fromarray(pixels).save(tmp_path / "a" / "2.png")
    names.append(name_of())
    monkeypatch.setattr(run, "program_key", lambda: rows.program_key() | {"jax": "0.0"})
    names.append(name_of())
    assert len(set(names)) == len(names)


def test_what_is_learned_is_kept_and_learned_anew_of_other_images(named, tmp_path, monkeypatch):
    _, name_of = named
    folder = tmp_path / "workdir" / "evaluate"
    name_of()
    (first,) = folder.glob("learned-*.json")
    monkeypatch.setattr(run, "calibrate", None)
    name_of()
    monkeypatch.setattr(run, "calibrate", lambda *_: LEARNED)
    first.write_text("{")
    with pytest.raises(CorruptFile, match="learned-.* is damaged"):
        name_of()
    Image.new("RGB", (32, 32)).save(tmp_path / "a" / "1.png")
    name_of()
    assert len(list(folder.glob("learned-*.json"))) == 2

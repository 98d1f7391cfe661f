import pytest
from PIL import Image

from rec_jax import codec
from rec_jax.cli import codecs
from rec_jax.codec import model_file
from rec_jax.core.errors import MissingFile
from tests.cli.fakes import IMAGE, MODEL_ID, PHASES_ID, FakePackage, rec_file


@pytest.fixture(autouse=True)
def fake_codec(monkeypatch):
    """(model, preset) of every codec that a command opened."""
    opened = []

    def open_codec(name_or_path, preset, lossy=False):
        if name_or_path == "absent":
            raise MissingFile("no model 'absent'")
        groups = () if name_or_path == "fake-phases" else ("a group",)
        model_id = MODEL_ID if groups else PHASES_ID
        return FakePackage(name_or_path, model_id, groups, opened).codec(preset)

    def find_model_name(model_id):
        return names[model_id] if model_id in names else find_original(model_id)

    def open_package(name_or_path):
        return packages[name_or_path] if name_or_path in packages else open_original(name_or_path)

    names = {MODEL_ID: "fake", PHASES_ID: "fake-phases"}
    packages = {
        "fake": FakePackage(opened=opened),
        "fake-phases": FakePackage("fake-phases", PHASES_ID, (), opened),
    }
    find_original, open_original = model_file.find_model_name, codec.open_package
    monkeypatch.setattr(codecs, "open_codec", open_codec)
    monkeypatch.setattr(model_file, "find_model_name", find_model_name)
    monkeypatch.setattr(codec, "find_model_name", find_model_name)
    monkeypatch.setattr(codec, "open_package", open_package)
    return opened


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with in.png and in.rec."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(IMAGE).save("in.png")
    (tmp_path / "in.rec").write_bytes(rec_file())
    return tmp_path

"""Figure 3's curves of any lossy model: by its file, with ideal points where relative entropy coding sends it."""

import pytest

from experiments.figure3.learned import model_methods
from experiments.figure3.method import HasIdeal
from rec_jax.codec.model_file import write_model_file
from rec_jax.core.errors import ConfigError, RecError
from tests.codec.tiny_quantised import tiny_quantised
from tests.models.tiny_hyperprior import SECTION, smooth_pictures


def test_a_quantised_model_by_its_file(tmp_path):
    path = tmp_path / "mine.safetensors"
    write_model_file(path, tiny_quantised().package.stored, dict(model=SECTION, coder=dict(kind="tree")))
    (method,) = model_methods(f" {path} ")
    assert method.id == "mine" and not isinstance(method, HasIdeal) and str(tmp_path) not in method.made_by()
    picture = smooth_pictures()[0]
    assert method.decode(method.encode(picture, method.settings[0])).shape == picture.shape


def test_a_shipped_model_and_none():
    (method,) = model_methods("photos-lossy,")
    assert method.id == "photos-lossy" and isinstance(method, HasIdeal)
    assert model_methods("") == []


@pytest.mark.parametrize("name, error", [("photos", ConfigError), ("absent", RecError)])
def test_others_are_refused(name, error):
    with pytest.raises(error, match=name):
        model_methods(name)

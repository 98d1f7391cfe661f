"""Classes that a config names: found, checked and made, with one line for whatever is wrong; files import nothing."""

import sys
import textwrap

import pytest

from configs.base import choose_coder
from rec_jax.codec.model_file import write_model_file
from rec_jax.codec.package import open_package
from rec_jax.coders import make_coder, make_layer_coder
from rec_jax.coders.tree.coder import TreeCoder
from rec_jax.core.errors import ConfigError
from rec_jax.core.plugins import NotImported, plugin_sources
from rec_jax.evaluate.checks import check_config
from rec_jax.models import make_model
from rec_jax.models.exact_params import quantise_params
from rec_jax.models.likelihoods.logistic import Logistic
from rec_jax.models.phases_model import PhasesModel
from rec_jax.train.saved_config import with_overrides
from tests.codec.tiny_codec import CODER, tiny_params
from tests.train.tiny import tiny_config

MODULE = """
from dataclasses import dataclass

from rec_jax.coders.tree.coder import TreeCoder
from rec_jax.models.likelihoods.logistic import Logistic
from rec_jax.models.phases_model import PhasesModel
from rec_jax.models.resnet_vae import Level, ResNetVAE


@dataclass(frozen=True)
class Own(Logistic):
    width: int = 1

    def __post_init__(self):
        if self.width > 9:
            raise ValueError("too\\nwide")


@dataclass(frozen=True)
class Model(PhasesModel):
    size: int


@dataclass(frozen=True)
class Vae(ResNetVAE):
    levels: tuple = (Level(2, 1, 8, 2),)
    likelihood: object = Logistic()


@dataclass(frozen=True)
class Coder(TreeCoder):
    pass


@dataclass(frozen=True)
class Nothing:
    pass


class Plain:
    pass
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """The name of a module on the path that nobody has imported."""
    (tmp_path / "users_own.py").write_text(textwrap.dedent(MODULE))
    (tmp_path / "users_broken.py").write_text("raise OSError('no\\nway')")
    monkeypatch.syspath_prepend(tmp_path)
    yield "users_own"
    sys.modules.pop("users_own", None)


@pytest.fixture
def imported(mine):
    return __import__(mine)


def named(**model):
    config = tiny_config()
    config.data.update(dict(kind="embedded", name="photographs", patch=16, patch_test=32))
    with config.unlocked():
        if "kind" in model:
            del config.model.levels, config.model.likelihood
        config.model.update(model)
    return config


def test_a_config_names_classes_and_the_program_imports_them(mine):
    config = named(likelihood=f"{mine}:Own", width=4)
    with pytest.raises(NotImported):
        make_model(config.model)
    check_config(config)
    assert make_model(config.model).likelihood.width == 4
    config = named(kind=f"{mine}:Model", likelihood=f"{mine}:Own", width=4, size=7)
    check_config(config)
    model = make_model(config.model)
    assert model.size == 7 and model.likelihood.width == 4
    config = with_overrides(choose_coder(tiny_config(), "tree"), {"coder.kind": f"{mine}:Coder"})
    check_config(config)


def test_coders_are_made_of_the_other_options(imported):
    assert make_coder("users_own:Coder", n_beams=8) == imported.Coder(n_beams=8)
    assert isinstance(make_layer_coder(CODER | dict(kind="users_own:Coder")), TreeCoder)
    with pytest.raises(ConfigError, match="coder.beams is no field of coder.kind='users_own:Coder'; it has .*n_beams"):
        make_coder("users_own:Coder", beams=8)


@pytest.mark.parametrize(
    "model, message",
    [
        (dict(likelihood="users_own:Missing"), "'users_own:Missing' has no such class; name a frozen dataclass"),
        (dict(likelihood="users_own:Plain"), "'users_own:Plain' is no dataclass"),
        (
            dict(likelihood="users_own:Nothing"),
            "lacks .*init, n_components, n_outputs, parts, phases, reads, rows; rec_jax.models.likelihoods",
        ),
        (dict(likelihood="users_own:Own", widht=3), "model.widht is no field of model.kind='resnet_vae'; it has"),
        (dict(kind="users_own:Own"), "lacks empty_params, encoder_only, group_params, groups"),
        (dict(likelihood="users_own:Own", width=10), "cannot be made of width: too wide"),
        (dict(kind="users_own:Model", likelihood="logistic"), "cannot be made of likelihood: .*missing .*'size'"),
        (dict(kind="users_own:Model", likelihood="logistic", size=1, more=2), "model.more is no field of model.kind="),
        (dict(likelihood="users_absent:Own"), "'users_absent' cannot be imported .ModuleNotFoundError"),
        (dict(likelihood="users_broken:Own"), "'users_broken' cannot be imported .OSError: no way"),
        (dict(likelihood=":"), "model.likelihood=':': '' cannot be imported"),
    ],
)
def test_what_cannot_be_is_told_in_one_line(mine, model, message):
    with pytest.raises(ConfigError, match=message) as caught:
        check_config(named(**model))
    assert "\n" not in str(caught.value)


def test_a_model_file_imports_nothing(mine, tmp_path):
    path = tmp_path / "own.safetensors"
    config = named(likelihood=f"{mine}:Own", width=4)
    config.coder = dict(CODER)
    check_config(config)
    model = make_model(config.model)
    write_model_file(path, quantise_params(model, tiny_params(model)), config.to_dict())
    assert open_package(path).model == model
    own = sys.modules.pop(mine)
    with pytest.raises(NotImported, match="own.safetensors: .*no file makes rec_jax import code; .*`import users_own`"):
        open_package(path)
    assert mine not in sys.modules
    sys.modules[mine] = own


def test_the_source_of_a_class_is_known(imported):
    own, ours = imported.Own(), PhasesModel(Logistic())
    assert [path.name for path in plugin_sources(own, ours)] == ["users_own.py"]

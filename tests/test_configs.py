"""Every config of launch.py can be made, at full size and small, and starts from a model of its own kind."""

import importlib
from pathlib import Path

import pytest

import configs
from configs.base import base, choose_coder
from rec_jax.codec.learned import configured_coder
from rec_jax.codec.model_file import find_model_path, read_model_file
from rec_jax.codec.presets import preset_coder
from rec_jax.coders import make_coder
from rec_jax.models import make_model

PATHS = Path(configs.__file__).parent.glob("*.py")
NAMES = sorted(path.stem for path in PATHS if path.stem not in ("__init__", "base"))
MAKERS = {name: importlib.import_module(f"configs.{name}").get_config for name in NAMES}
LAUNCHED = [name for name, make in MAKERS.items() if "train" in make()]


def test_the_shipped_models_have_configs():
    assert {"cifar10_small", "tiny_imagenet32_small", "photos_small", "cifar10_phases", "photos_phases"} <= set(
        LAUNCHED
    )


@pytest.mark.parametrize("name", LAUNCHED)
def test_a_config_has_the_fields_of_the_base(name):
    config = MAKERS[name]()
    assert config.is_locked and config.keys() == base().keys()
    for section in ("data", "train", "evaluate"):
        assert config[section].keys() == base()[section].keys()
    make_model(config.model)
    if config.train.initial_model:
        theirs = read_model_file(find_model_path(config.train.initial_model)).config["model"]
        ours = config.model.to_dict()
        ours |= {"likelihood": "logistic"} if theirs.get("likelihood") == "logistic" else {}
        assert theirs == ours  # what launch.py can start from


@pytest.mark.parametrize("name", LAUNCHED)
def test_quick_needs_no_data_and_no_model(name):
    config = MAKERS[name]("quick")
    assert config.data.kind == "embedded" and config.train.initial_model == "" and config.train.n_steps <= 20


def test_the_tree_of_the_configs_is_the_preset_default():
    assert configured_coder(choose_coder(base(), "tree").coder)[0] == preset_coder("default") == make_coder("tree")


def test_the_beam_search_of_the_configs_is_the_papers():
    assert configured_coder(base().coder)[0] == preset_coder("irec")

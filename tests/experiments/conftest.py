import pytest

from configs.base import base, shrink
from rec_jax.codec.learned import configured_coder
from rec_jax.codec.model_file import write_model_file
from rec_jax.codec.package import package_of_params
from rec_jax.models import make_model
from tests.codec.tiny_codec import tiny_params


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a model file with a tiny untrained model so poor that its files are stored pixels."""
    config = shrink(base())
    with config.unlocked():
        config.model.levels = ((4, 1, 4, 2),)
    model, (coder, _) = make_model(config.model), configured_coder(config.coder)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    write_model_file(path, package_of_params(model, tiny_params(model), coder).stored, config.to_dict())
    return str(path)

import jax
import pytest

from configs.base import base, shrink
from rec_jax.codec.model_file import write_model_file
from rec_jax.core.prng import init_key
from rec_jax.data.embedded import embedded_patches
from rec_jax.models import make_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Path of a model file with a tiny untrained model so poor that its files are stored pixels."""
    config = shrink(base())
    with config.unlocked():
        config.model.levels = ((4, 1, 4, 2),)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    params = jax.jit(make_model(config.model).init)(init_key(0), embedded_patches("test", 32).array()[:16])
    write_model_file(path, params, config)
    return str(path)

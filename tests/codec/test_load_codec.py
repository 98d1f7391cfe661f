"""Loading a model file: what does not fit together is one clear error before anything is coded."""

import numpy as np
import pytest
from ml_collections import ConfigDict

from rec_jax.codec import find_model_path, load_codec, read_model_file
from rec_jax.codec.model_file import write_model_file
from rec_jax.codec.preset_options import PRESETS
from rec_jax.core.errors import CorruptFile, MissingFile, RecError

SHIPPED = "cifar10-small"


@pytest.fixture(scope="module")
def shipped():
    return read_model_file(find_model_path(SHIPPED))


def changed(shipped, tmp_path, params=None, **fields):
    """Path of the shipped model with other params, or with fields of its config set by 'section.name'."""
    config = ConfigDict(shipped.config.to_dict())
    config.update_from_flattened_dict({name.replace("__", "."): value for name, value in fields.items()})
    write_model_file(tmp_path / "m.safetensors", params or shipped.params, config.lock())
    return str(tmp_path / "m.safetensors")


def test_a_model_file_carries_no_path(shipped):
    assert shipped.config.data.data_dir == ""


def test_step_counts_serve_only_the_coder_they_were_learned_for(shipped, tmp_path):
    assert len(load_codec(SHIPPED, "best").step_counts) == 4  # other beams, the same steps
    assert load_codec(SHIPPED, "irec").step_counts == ()  # another coder
    assert load_codec(changed(shipped, tmp_path, coder__n_candidates=8)).step_counts == ()


def test_weights_serve_every_preset(shipped):
    assert all(load_codec(SHIPPED, name).weights == shipped.config.coder.layer_weights for name in PRESETS)


def test_what_does_not_fit_is_refused(shipped, tmp_path):
    counts = shipped.config.coder.layer_step_counts
    with pytest.raises(CorruptFile, match="step counts of 3 layers for 4"):
        load_codec(changed(shipped, tmp_path, coder__layer_step_counts=counts[:3]))
    for wrong in (0, 4096, 2.0):
        with pytest.raises(RecError, match=f"layer_weights has {wrong}"):
            load_codec(changed(shipped, tmp_path, coder__layer_weights=((wrong,),)))
    with pytest.raises(CorruptFile, match="weights of .* channels for"):
        load_codec(changed(shipped, tmp_path, coder__layer_weights=shipped.config.coder.layer_weights[:3]))
    with pytest.raises(CorruptFile, match="not those that its config describes"):
        load_codec(changed(shipped, tmp_path, params=dict(shipped.params, top=np.zeros(7, np.float32))))
    with pytest.raises(CorruptFile, match="not those that its config describes"):
        load_codec(changed(shipped, tmp_path, model__likelihood="pixel_scale_logistic"))
    write_model_file(tmp_path / "empty.safetensors", shipped.params, ConfigDict().lock())
    with pytest.raises(CorruptFile, match="its config lacks what a model needs"):
        load_codec(str(tmp_path / "empty.safetensors"))
    with pytest.raises(MissingFile):
        load_codec("no-such-model")
    with pytest.raises(RecError, match="preset 'fastest' is unknown"):
        load_codec(SHIPPED, "fastest")

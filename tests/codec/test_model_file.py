"""Model files: what is written comes back equal, and other files are refused by name."""

import json
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from rec_jax.codec import model_file
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile, UnsupportedVersion, WrongModel
from tests.fuzzing import n_examples

PARAMS = {
    "levels": [
        {"w": np.arange(-12, 12, dtype=np.int16).reshape(2, 3, 4), "bits": np.int8([5, -3])},
        {"b": np.int32([7])},
    ],
    "up": {"0": {"kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7, "bias": np.zeros(3, np.float32)}},
    "log_scale": np.float32(-2.5).reshape(()),
}
CONFIG = dict(
    seed=0,
    model=dict(kind="resnet_vae", levels=((2, 24, 160, 32), (4, 1, 8, 8)), likelihood="logistic", empty=()),
    train=dict(
        learning_rate=1e-3, n_steps=500_000, decay_steps=(50_000,), unroll="auto", clip_norm=None, ema=True,
    ),
)  # fmt: skip


def assert_trees_equal(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_array_equal(x, y)
        assert (x.dtype, x.shape) == (y.dtype, y.shape)


def test_round_trip(tmp_path):
    path = tmp_path / "m.safetensors"
    written_id = model_file.write_model_file(path, PARAMS, CONFIG)
    read = model_file.read_model_file(path)
    assert_trees_equal(PARAMS, read.params)
    assert read.config == CONFIG and repr(read.config) == repr(CONFIG)  # types and tuples too
    assert read.model_id == written_id == model_file.read_model_id(path)
    assert 0 <= read.model_id < 2**16


def test_jax_arrays_and_half_size(tmp_path):
    params = {"a": jnp.linspace(-3, 3, 1000), "b": jnp.ones((2, 2), jnp.bfloat16)}
    full, half = tmp_path / "full", tmp_path / "half"
    model_file.write_model_file(full, params, CONFIG)
    model_file.write_model_file(half, params, CONFIG, dtype="float16")
    read = model_file.read_model_file(half).params
    assert read["a"].dtype == np.float32 and os.path.getsize(half) < os.path.getsize(full) - 1900
    np.testing.assert_array_equal(read["a"], np.asarray(params["a"]).astype(np.float16).astype(np.float32))
    np.testing.assert_array_equal(read["b"], 1)


def test_same_content_same_bytes(tmp_path):
    ids = {model_file.write_model_file(tmp_path / "m", dict(reversed(PARAMS.items())), CONFIG) for _ in range(20)}
    ids.add(model_file.write_model_file(tmp_path / "m", PARAMS, CONFIG))
    assert len(ids) == 1
    assert model_file.write_model_file(tmp_path / "m", PARAMS, CONFIG | {"seed": 1}) not in ids


plain = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5)
values = st.recursive(plain, lambda x: st.lists(x, max_size=3).map(tuple), max_leaves=6)
sections = st.dictionaries(st.sampled_from(["alpha", "beta", "gamma"]), values)


@settings(max_examples=n_examples(25))
@given(st.dictionaries(st.sampled_from(["data", "model", "train"]), sections | plain))
def test_any_plain_config_comes_back_equal(tmp_path_factory, config):
    path = tmp_path_factory.mktemp("m") / "m"
    model_file.write_model_file(path, {"a": np.zeros(1, np.float32)}, config)
    read = model_file.read_model_file(path).config
    assert read == config and repr(read) == repr(config)


@pytest.mark.parametrize(
    ("params", "config", "dtype", "words"),
    [
        (PARAMS, CONFIG, "float64", "have float32, float16"),
        ({"a/b": np.zeros(1)}, CONFIG, "float32", "without '/'"),
        ({0: np.zeros(1)}, CONFIG, "float32", "strings"),
        ({"a": {}}, CONFIG, "float32", "group a is empty"),
        ({"a": np.zeros(1, np.int64)}, CONFIG, "float32", "keeps floats, int8, int16, int32"),
        ({"a": np.array([np.nan], np.float32)}, CONFIG, "float32", "parameter a is not finite"),
        ({"a": np.array([1e5], np.float32)}, CONFIG, "float16", "not finite in float16; write float32"),
        (PARAMS, {"x": np.float32(1)}, "float32", "plain values"),
    ],
)
def test_what_cannot_be_written(tmp_path, params, config, dtype, words):
    with pytest.raises(ConfigError, match=words):
        model_file.write_model_file(tmp_path / "m", params, config, dtype)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("share", [0, 0.01, 0.3, 0.5, 0.999])
def test_truncated(tmp_path, share):
    path = tmp_path / "m"
    model_file.write_model_file(path, PARAMS, CONFIG)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(CorruptFile, match="not a model file, or truncated"):
        model_file.read_model_file(path)


@settings(max_examples=n_examples(100))
@given(st.data())
def test_damage_is_an_error_or_another_id(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("m") / "m"
    written_id = model_file.write_model_file(path, PARAMS, CONFIG)
    blob = bytearray(path.read_bytes())
    blob[data.draw(st.integers(0, len(blob) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(blob)
    try:
        assert model_file.read_model_file(path).model_id != written_id
    except (CorruptFile, UnsupportedVersion) as error:
        assert "\n" not in str(error)


def test_foreign_files(tmp_path):
    path = tmp_path / "m"
    cases = [
        (b"", CorruptFile, "not a model file"),
        (b"\xff" * 100, CorruptFile, "not a model file"),
        (b"PK\x03\x04" + bytes(100), CorruptFile, "not a model file"),
        (safetensors.numpy.save({"a": np.zeros(2)}), CorruptFile, "no rec_jax model"),
        (with_entry("{"), CorruptFile, "config inside is damaged"),
        (with_entry("[]"), CorruptFile, "config inside is damaged"),
        (with_entry('{"format": 2, "config": 3}'), CorruptFile, "config inside is damaged"),
        (with_entry('{"format": 3, "config": {}}'), UnsupportedVersion, "version 3"),
        (with_entry('{"format": 2, "config": {}}', {"a": np.zeros(2)}), CorruptFile, "array a is float64"),
        (with_entry('{"format": 2, "config": {}}', {"a": F, "a/b": F}), CorruptFile, "inside another"),
        (with_entry('{"format": 2, "config": {}}', {"a": F, "a/b/c": F}), CorruptFile, "inside another"),
    ]
    for data, error, words in cases:
        path.write_bytes(data)
        with pytest.raises(error, match=words):
            model_file.read_model_file(path)
    with pytest.raises(MissingFile, match="no such file"):
        model_file.read_model_file(tmp_path / "absent")
    with pytest.raises(CorruptFile, match="directory"):
        model_file.read_model_file(tmp_path)


F = np.zeros(2, np.float32)


def with_entry(text, arrays=None):
    return safetensors.numpy.save(arrays or {"a": F}, metadata={"rec_jax": text})


def test_one_metadata_entry_and_readable_names(tmp_path):
    """Any safetensors reader can open the file."""
    model_file.write_model_file(tmp_path / "m", PARAMS, CONFIG)
    with safetensors.safe_open(tmp_path / "m", "numpy") as file:
        assert {"levels/[0]/w", "levels/[1]/b", "up/0/kernel", "log_scale"} <= set(file.keys())
        assert json.loads(file.metadata()["rec_jax"])["config"]["model"]["levels"][0] == [2, 24, 160, 32]


@pytest.mark.parametrize("column", ["cifar10", "photos", "tiny-imagenet32"])
def test_former_names_open_the_same_models(column):
    path = model_file.find_model_path(f"{column}-small")
    assert path == model_file.find_model_path(f"{column}-rvae") and path.is_file()
    assert f"{column}-small" not in model_file.shipped_model_paths()


def test_shipped_models_by_name_path_and_id(tmp_path):
    assert model_file.shipped_model_paths(tmp_path) == {}
    with pytest.raises(MissingFile, match="those are: none"):
        model_file.find_model_path("small", tmp_path)
    small, large = tmp_path / "small.safetensors", tmp_path / "large.safetensors"
    small_id = model_file.write_model_file(small, PARAMS, CONFIG)
    model_file.write_model_file(large, PARAMS | {"more": F}, CONFIG)
    assert list(model_file.shipped_model_paths(tmp_path)) == ["large", "small"]
    assert model_file.find_model_path("small", tmp_path) == small
    assert model_file.find_model_path(str(large), tmp_path) == large
    assert model_file.find_model_name(small_id, tmp_path) == "small"
    with pytest.raises(MissingFile, match="'smal': neither a file nor a shipped model .*large, small"):
        model_file.find_model_path("smal", tmp_path)
    with pytest.raises(WrongModel, match="--model PATH"):
        model_file.find_model_name(small_id ^ 1, tmp_path)

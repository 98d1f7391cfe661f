"""Opening a model: the shipped ones are sound, and what does not fit together is one clear error, in little memory."""

import json
import tracemalloc

import numpy as np
import pytest
import safetensors.numpy
from tiny_codec import tiny_package
from tiny_lossy import CODER, SECTION, tiny_lossy

from rec_jax.codec import load_codec, model_file, open_package, shipped_models
from rec_jax.codec.learned import Learned
from rec_jax.codec.model_file import find_model_path, read_model_file, write_model_file
from rec_jax.codec.presets import PRESETS
from rec_jax.core.errors import ConfigError, CorruptFile, MissingFile, RecError
from rec_jax.exact.convolution import MAX_SUM, bounds
from rec_jax.exact.quantise import check_conv
from rec_jax.models.base import LossyModel
from rec_jax.models.exact_params import check_stored, float_params, quantise_params, trainable_params

SHIPPED = "cifar10-rvae"
MEMORY_BYTES = 2**25  # of opening a hostile file


@pytest.fixture(scope="module")
def shipped():
    return read_model_file(find_model_path(SHIPPED))


def merged(config: dict, changes: dict) -> dict:
    """config with 'section__name' fields changed; `...` removes one."""
    config = {name: dict(section) if isinstance(section, dict) else section for name, section in config.items()}
    for name, value in changes.items():
        section, _, field = name.partition("__")
        if field:
            config[section][field] = value
        else:
            config[section] = value
        if value is ...:
            del (config[section] if field else config)[field or section]
    return config


def changed(shipped, tmp_path, params=None, **fields):
    """Path of the shipped model with other params, or with fields of its config set by 'section__name'."""
    write_model_file(tmp_path / "m.safetensors", params or shipped.params, merged(shipped.config, fields))
    return str(tmp_path / "m.safetensors")


def convolutions(node):
    match node:
        case {"bits": _}:
            yield node
        case dict():
            for child in node.values():
                yield from convolutions(child)
        case list():
            for child in node:
                yield from convolutions(child)


@pytest.mark.parametrize("name", shipped_models())
def test_the_shipped_models_are_sound_and_exact(name):
    package = open_package(name)
    check_stored(package.model, package.stored, name)
    found = list(convolutions(package.stored))
    assert len(found) >= 3 * len(package.model.groups)
    for conv in found:
        for index in np.ndindex(conv["w"].shape[:-4]):
            assert bounds(conv["w"][index], conv["b"][index]) < MAX_SUM
    coded = package.model.groups if hasattr(package.model, "posterior") else ()  # of a quantised model none
    n_layers, learned = sum(group.n_layers for group in coded), package.learned
    lossy = isinstance(package.model, LossyModel)
    assert len(learned.step_counts) == len(learned.shares) == (0 if lossy else n_layers)
    assert len(learned.by_scale) == (n_layers if lossy else 0)


@pytest.mark.parametrize("name", shipped_models())
def test_a_model_file_carries_no_path(name):
    assert open_package(name).config["data"]["data_dir"] == ""


def test_the_stored_integers_survive_floats(shipped):
    """What encoders and further training start from stands for the very integers that decoders compute with."""
    package = tiny_package()
    for floats in (float_params(package.stored), trainable_params(package.model, package.stored)):
        again = quantise_params(package.model, floats)
        for conv, other in zip(convolutions(package.stored), convolutions(again), strict=True):
            np.testing.assert_allclose(other["w"] * 2.0 ** -other["bits"], conv["w"] * 2.0 ** -conv["bits"], atol=1e-4)


def learned_of(codec) -> Learned:
    return codec.package.learned.for_coder(codec.coder, codec.package.coder)


def test_step_counts_serve_only_the_coder_they_were_learned_for(shipped, tmp_path):
    assert len(learned_of(load_codec(SHIPPED, "best")).step_counts) == 4  # other beams, the same steps
    assert learned_of(load_codec(SHIPPED, "irec")).step_counts == ()  # another coder
    assert learned_of(load_codec(changed(shipped, tmp_path, coder__n_candidates=8))).step_counts == ()


def test_weights_serve_every_preset(shipped):
    for name in PRESETS:
        assert learned_of(load_codec(SHIPPED, name)).shares == shipped.config["coder"]["layer_weights"]


def with_leaf(node, path, leaf):
    """The tree with the leaf at path replaced."""
    if not path:
        return leaf
    first, *rest = path
    if isinstance(node, list):
        return [with_leaf(child, rest, leaf) if i == first else child for i, child in enumerate(node)]
    return node | {first: with_leaf(node[first], rest, leaf)}


def test_other_arrays_than_the_configs_are_refused(shipped, tmp_path):
    params = shipped.params
    prior = params["down"][0]["prior"]
    outside = prior | {"bits": np.full_like(prior["bits"], 30)}
    for path, leaf, words in [
        (["top"], np.zeros(7, np.int32), "top should be int32"),
        (["top"], params["top"].astype(np.float32), "top should be int32"),
        (["top"], np.full_like(params["top"], 2**21), r"beyond \+-256"),
        (["down", 0, "prior"], outside, "its steps are"),
        (["down", 0, "prior", "w"], prior["w"].astype(np.float32), "is not the convolution"),
        (["down", 0, "prior", "w"], prior["w"][..., :-1], "is not the convolution"),
        (["down", 0, "prior"], {"w": prior["w"]}, "is not the convolution"),
        (["up", 0, "conv1", "w"], params["up"][0]["conv1"]["w"][:0], "is not the convolution"),
        (["likelihood"], {"scale": params["likelihood"]["log_scale"]}, "likelihood lack log_scale"),
        (["likelihood"], params["likelihood"] | {"loc": params["top"]}, "not those that its config"),
        (["more"], np.zeros(1, np.int32), "not those that its config"),
        (["up_sample"], params["up_sample"][:1], "not those that its config"),
    ]:
        broken = params | {"more": leaf} if path == ["more"] else with_leaf(params, path, leaf)
        with pytest.raises(CorruptFile, match=words):
            load_codec(changed(shipped, tmp_path, broken))


def test_weights_that_are_not_exact_are_refused():
    """Of so many channels that the sums of products could pass 2^50."""
    conv = {"w": np.full((1, 3, 3, 4096, 1), 2**15 - 1, np.int16), "bits": np.int8([[5]]), "b": np.int32([[0]])}
    with pytest.raises(CorruptFile, match=r"m: its sums may pass 2\^50"):
        check_conv(conv, "m")
    check_conv(conv | {"w": conv["w"] >> 1}, "m")


HOSTILE_CONFIGS = [
    dict(model__levels=((2, 300_000_000, 32, 16), (4, 2, 48, 16))),
    dict(model__levels=((2, 2, 300_000_000, 16), (4, 2, 48, 16))),
    dict(model__levels=((2, 2, 32, 300_000_000), (4, 2, 48, 16))),
    dict(model__levels=((2**40, 2, 32, 16),)),
    dict(model__levels=tuple((2**i, 1, 4, 1) for i in range(1, 201))),
    dict(model__levels=((2, 1e30, 32, 16), (4, 2, 48, 16))),
    dict(model__levels=((2.0, 2, 32, 16), (4, 2, 48, 16))),
    dict(model__levels=((True, 2, 32, 16), (4, 2, 48, 16))),
    dict(model__levels=((2, 1024, 4096, 4096),)),
    dict(model__levels="((2, 2, 32, 16),)"),
    dict(model__levels=5),
    dict(model__levels=None),
    dict(model__likelihood="pixel_scale_logistic"),
    dict(model__likelihood=["colour_mixture"]),
    dict(model__likelihood="colour_mixture", model__n_components=1e30),
    dict(model__likelihood="colour_mixture", model__n_components=300_000_000),
    dict(model__likelihood="colour_mixture", model__n_components=2.0),
    dict(model__kind={"a": 1}),
    dict(model=...),
    dict(model=3),
    dict(coder=...),
    dict(coder=[1]),
    dict(coder__kind="a_star"),
    dict(coder__kind=["tree"]),
    dict(coder__kind=...),
    dict(coder__n_beams=2.5),
    dict(coder__n_beams=1e30),
    dict(coder__n_beams="many"),
    dict(coder__n_candidates=16.0),
    dict(coder__sequence_length=4096.0),
    dict(coder__sequence_length=2**60),
    dict(coder__block_size=1e9),
    dict(coder__block_size=0),
    dict(coder__max_nats=1e30),
    dict(coder__max_nats="16"),
    dict(coder__rate=float("nan")),
    dict(coder__rate=1e300),
    dict(coder__rate=True),
    dict(coder__spacing=float("inf")),
    dict(coder__spacing=1e-9),
    dict(coder__spacing=1e200),
    dict(coder__more=1),
    dict(coder__layer_step_counts=((10**9, 200, 160),) * 4),
    dict(coder__layer_step_counts=((3, 200.0, 160),) * 4),
    dict(coder__layer_step_counts=((3, 0, 160),) * 4),
    dict(coder__layer_step_counts=((3, 200),) * 4),
    dict(coder__layer_step_counts=((3, 200, 160),) * 3),
    dict(coder__layer_step_counts=7),
    dict(coder__layer_step_counts=(7,)),
    dict(coder__layer_step_counts=(0,)),
    dict(coder__layer_weights=((0,),)),
    dict(coder__layer_weights=(1,)),
    dict(coder__layer_weights=1),
    dict(coder__layer_weights_by_scale=1),
    dict(coder__layer_weights=((4096,),)),
    dict(coder__layer_weights=((2.0,),)),
    dict(coder__layer_weights=((5,) * 16,) * 3),
    dict(coder__layer_weights=7),
    dict(coder__layer_weights=(7,)),
]


@pytest.mark.parametrize("fields", HOSTILE_CONFIGS, ids=lambda fields: str(fields)[:60])
def test_hostile_configs_are_one_clear_error(shipped, tmp_path, fields):
    path = changed(shipped, tmp_path, **fields)
    with pytest.raises((CorruptFile, ConfigError)):
        open_package(path)  # imports, which are not to be counted
    tracemalloc.start()
    try:
        with pytest.raises((CorruptFile, ConfigError)) as raised:
            open_package(path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    message = str(raised.value)
    assert "\n" not in message and len(message) < 500
    assert peak_bytes < MEMORY_BYTES


@pytest.mark.parametrize("n_layers", [2, 4])
def test_weights_by_scale_of_other_layers_are_refused(tmp_path, n_layers):
    path, package = tmp_path / "m.safetensors", tiny_lossy().package
    tables = (2 * package.learned.by_scale)[:n_layers]
    write_model_file(path, package.stored, dict(model=SECTION, coder=CODER | {"layer_weights_by_scale": tables}))
    with pytest.raises(CorruptFile, match=f"weights by scale of {n_layers} layers for 3; export it again") as error:
        open_package(path)
    assert "\n" not in str(error.value)


def test_deep_json_and_deep_names_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    deep = "[" * 200_000 + "]" * 200_000
    array = {"a": np.zeros(1, np.float32)}
    for data in [
        safetensors.numpy.save(array, metadata={"rec_jax": f'{{"format": 2, "config": {deep}}}'}),
        safetensors.numpy.save(array, metadata={"rec_jax": f'{{"format": 2, "config": {{"a": {deep}}}}}'}),
        safetensors.numpy.save({"/".join("a" * 5000): array["a"]}, metadata={"rec_jax": '{"format":2,"config":{}}'}),
    ]:
        path.write_bytes(data)
        with pytest.raises(CorruptFile) as raised:
            open_package(path)
        assert len(str(raised.value)) < 400


def test_other_errors_are_told_by_name(shipped, tmp_path):
    write_model_file(tmp_path / "empty.safetensors", shipped.params, {})
    with pytest.raises(CorruptFile, match="its config lacks what a model needs"):
        load_codec(str(tmp_path / "empty.safetensors"))
    with pytest.raises(MissingFile):
        load_codec("no-such-model")
    with pytest.raises(RecError, match="preset 'fastest' is unknown"):
        load_codec(SHIPPED, "fastest")
    path = tmp_path / "old.safetensors"
    entry = json.dumps({"format": 1, "config": {}})
    path.write_bytes(safetensors.numpy.save({"a": np.zeros(1, np.float32)}, metadata={"rec_jax": entry}))
    with pytest.raises(model_file.UnsupportedVersion, match="version 1; this program reads 2"):
        open_package(path)

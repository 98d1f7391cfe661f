"""Files of integer flows: symbols of any size, any picture, as long as the model says, without jax; damage is named."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fuzz import mutate, mutations
from tiny_flow import tiny_flow
from tiny_lossy import photograph

from rec_jax.codec import container
from rec_jax.codec.idf import ideal_bits_of, read_integers, write_integers
from rec_jax.codec.model_file import write_model_file
from rec_jax.codec.package import open_package
from rec_jax.codec.tiles import tile_side
from rec_jax.core.errors import CoderOverflow, ConfigError, RecError, WrongModel
from rec_jax.entropy.base import BitCounter
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.models.base import IntegerLaw
from tests.codec.new_process import said_without_jax
from tests.fuzzing import n_examples
from tests.models.tiny_hyperprior import smooth_pictures
from tests.models.tiny_idf import SECTION

IMAGE = photograph(40, 70)
SMALL = photograph(16, 24)


def some_law(rng, shape, log_scale: float) -> IntegerLaw:
    """Of 3 logistics, in units of 2^-16."""
    units = rng.normal(size=(3, *shape, 3)) * np.array([1.0, 0.3, 0.5]).reshape(3, *[1] * (len(shape) + 1))
    units[2] += log_scale
    return IntegerLaw(*np.round(units * 2.0**16))


@settings(max_examples=n_examples(30), deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([-7.0, -3.0, 0.0]), st.sampled_from([3.0, 300.0, 1e6]))
def test_integers_come_back_however_far_out(seed, log_scale, spread):
    rng = np.random.default_rng(seed)
    shape, most = (1, 2, 3, 4), (1 << 23) - 600
    law = some_law(rng, shape, log_scale)
    values = np.round(rng.standard_cauchy(shape) * spread).clip(-most, most)
    values.flat[:4] = [511, 512, -512, -513]
    writer = SymbolWriter()
    write_integers(writer, values, law)
    np.testing.assert_array_equal(read_integers(SymbolReader(writer.getvalue()), law, shape), values)


@pytest.mark.parametrize("log_scale", [-7.5, -5.0, -3.0])
def test_integers_cost_what_their_law_says(log_scale):
    """Drawn from it: the whole law in integers is that in floats, from far below a bin to a tenth of all pixels."""
    rng = np.random.default_rng(1)
    shape = (1, 20, 20, 8)
    law = some_law(rng, shape, log_scale)._replace(logits=np.zeros((*shape, 3)))
    which = rng.integers(0, 3, (*shape, 1))
    loc, scale = (np.take_along_axis(x / 2.0**16, which, -1)[..., 0] for x in law[1:])
    values = np.floor(256 * (loc + rng.logistic(size=shape) * np.exp(np.maximum(scale, -8.0))) + 0.5)
    counter = BitCounter()
    write_integers(counter, values, law)
    assert counter.bits == pytest.approx(ideal_bits_of(values, law), rel=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (7, 33), (32, 32), (40, 70)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_picture_comes_back(size, grey):
    image = photograph(*size)
    image = image[..., 0] if grey else image
    codec = tiny_flow()
    pixels = codec.decompress(codec.compress(image))
    assert pixels.dtype == np.uint8 and np.array_equal(pixels, image)


def test_a_file_is_as_long_as_the_model_says():
    found = tiny_flow(0.0).encode([smooth_pictures()[0]])[0]  # of those that the laws were made for
    assert found.pixel_bits == pytest.approx(found.ideal_pixel_bits, rel=0.002)
    assert 8 * len(found.blob) == pytest.approx(found.header_bits + found.pixel_bits, abs=64)
    assert np.isnan(tiny_flow().encode([SMALL], measure=False)[0].ideal_pixel_bits)


def test_a_picture_that_is_moved_far_is_coded():
    """Gates so open that most integers leave every table: each of them costs more, and none the whole picture."""
    codec = tiny_flow(200.0)
    parts = codec._parts(SMALL, next(iter(codec._tiles(*SMALL.shape[:2]))))
    assert max(np.abs(values).max() for values, _ in parts) > 5_000
    np.testing.assert_array_equal(codec.decompress(codec.compress(SMALL)), SMALL)


def test_neither_direction_needs_jax(tmp_path):
    """In a new process."""
    np.save(tmp_path / "image.npy", SMALL)
    image = f"np.load({str(tmp_path / 'image.npy')!r})"
    theirs = f"codec.decompress(bytes.fromhex('{tiny_flow().compress(SMALL).hex()}'))"
    same, blob = said_without_jax(tiny_flow(), tmp_path, f"({theirs} == {image}).all(), codec.compress({image}).hex()")
    assert same == "True"
    np.testing.assert_array_equal(tiny_flow().decompress(bytes.fromhex(blob)), SMALL)


def test_a_model_file_opens_as_its_codec(tmp_path):
    codec, path = tiny_flow(), tmp_path / "flow.safetensors"
    config = {"model": SECTION, "coder": dict(kind="tree", n_candidates=16, n_beams=4096, sequence_length=4096)}
    model_id = write_model_file(path, codec.package.stored, config)
    opened = open_package(path).codec("best").without_fallback()
    blob = opened.compress(SMALL)
    assert container.unpack(blob)[0].model_id == model_id
    assert container.unpack(blob)[1] == container.unpack(codec.compress(SMALL))[1]
    np.testing.assert_array_equal(opened.decompress(blob), SMALL)


def test_what_cannot_be_is_told():
    codec = tiny_flow()
    blob = codec.compress(SMALL)
    with pytest.raises(CoderOverflow):
        codec.compress(SMALL.astype(np.uint16))
    wide = dataclasses.replace(codec, fallback="smallest")
    np.testing.assert_array_equal(wide.decompress(wide.compress(SMALL.astype(np.uint16))), SMALL)
    with pytest.raises(WrongModel):
        dataclasses.replace(codec, package=dataclasses.replace(codec.package, model_id=1)).decompress(blob)
    header, payload = container.unpack(blob)
    with pytest.raises(RecError, match="method"):
        codec.decompress(container.pack(dataclasses.replace(header, method=0), payload))
    with pytest.raises(ConfigError, match="take no device"):
        codec.on_device("cpu")
    with pytest.raises(ConfigError, match="is a flow"):
        _ = codec.package.lossless_model
    assert codec.pieces(IMAGE).shape[1] == tile_side(40, 70, 4)


@settings(max_examples=n_examples(40), deadline=None)
@given(mutations())
def test_mutated_files_never_give_other_pixels(recipe):
    codec = tiny_flow()
    blob = codec.compress(SMALL)
    try:
        pixels = codec.decompress(mutate(blob, recipe))
    except RecError:
        return
    np.testing.assert_array_equal(pixels, SMALL)

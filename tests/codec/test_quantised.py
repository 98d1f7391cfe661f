"""Files of quantised models: their symbols, their length, any picture, without jax; damage is named."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fuzz import mutate, mutations, with_check
from tiny_lossy import photograph
from tiny_quantised import tiny_quantised

from rec_jax.codec import container
from rec_jax.codec.lossy_pictures import padded
from rec_jax.codec.package import package_of_params
from rec_jax.codec.rate_control import Aim
from rec_jax.codec.rounded_symbols import hyper_tables, read_hyper, read_rounded, write_hyper, write_rounded
from rec_jax.core.errors import ConfigError, RecError, UnsupportedImage, WrongModel
from rec_jax.core.psnr import psnr_db
from rec_jax.entropy.base import BitCounter
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.exact.rounded import N_LAWS
from rec_jax.models.base import HyperLaw
from rec_jax.models.exact_params import float_params
from rec_jax.models.float_net import FloatNet
from rec_jax.train.quantised import hyper_masses, quantised_terms
from tests.codec.new_process import said_without_jax
from tests.fuzzing import n_examples

IMAGE = photograph(70, 100)
NET = FloatNet()
terms_of = jax.jit(quantised_terms, static_argnums=(0, 5), compiler_options={"xla_backend_optimization_level": 0})


@pytest.fixture(scope="module", params=["mean_scale", "scale"])
def codec(request):
    return tiny_quantised(request.param)


@settings(max_examples=n_examples(30), deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 400), st.sampled_from([1.0, 30.0, 3e4]))
def test_rounded_values_come_back_however_far_out(seed, n, spread):
    rng = np.random.default_rng(seed)
    laws = rng.integers(0, N_LAWS, n).astype(np.int32)
    values = np.round(rng.standard_cauchy(n) * spread).clip(1 - (1 << 20), (1 << 20) - 1).astype(np.int64)
    values[0] = (1 << 20) - 1
    writer, counter = SymbolWriter(), BitCounter()
    write_rounded(writer, values, laws)
    write_rounded(counter, values, laws)
    blob = writer.getvalue()
    np.testing.assert_array_equal(read_rounded(SymbolReader(blob), laws), values)
    assert 8 * len(blob) < 1.001 * counter.bits + 64


def test_tables_of_hyper_latents_are_their_law():
    rng = np.random.default_rng(0)
    units = rng.normal(size=(3, 1, 5, 3)) * np.array([1.0, 3.0, 1.0]).reshape(3, 1, 1, 1) * 4096
    law = HyperLaw(*np.round(units), 0.0)
    z = np.arange(-128.0, 128.0)
    tables = hyper_tables(law)
    of_float = HyperLaw(*(jnp.asarray(part / 4096, jnp.float32) for part in law[:3]), 0.0)
    masses = np.asarray(hyper_masses(of_float, jnp.asarray(np.tile(z[None, None, :, None], (1, 1, 1, 5)))))[0, 0]
    for table, wanted in zip(tables, masses.T, strict=True):
        found = np.array(table.frequencies) / 2.0**24
        assert found.sum() == 1 and np.abs(found - wanted).max() < 2e-3
        assert np.sum(wanted * np.log2(wanted / found)) < 1e-3
    values, writer = rng.integers(-127, 128, (40, 5)), SymbolWriter()
    write_hyper(writer, values, tables)
    np.testing.assert_array_equal(read_hyper(SymbolReader(writer.getvalue()), 40, tables), values)


@pytest.mark.parametrize("size", [(1, 1), (7, 65), (64, 32)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_picture_comes_back_as_the_encoder_saw_it(codec, size, grey):
    image = photograph(*size)
    image = image[..., 0] if grey else image
    pixels = codec.decompress(codec.compress(image))  # which has the checksum of what the encoder saw
    assert pixels.shape == image.shape and pixels.dtype == np.uint8 and psnr_db(image, pixels) > 15


def test_a_file_is_as_long_as_the_model_says(codec):
    """-log2 p of what is rounded, which training estimates too."""
    for quality in (10, 80):
        encoded = codec.at(quality).encode([IMAGE])[0]
        params = float_params(codec.package.stored)
        pixels = padded(IMAGE, codec.model.stride)
        found = terms_of(codec.model, params, pixels[None], jnp.array([float(quality)]), None, NET)
        rate_bits = np.asarray(found.rate_bpp[0]) * pixels.shape[0] * pixels.shape[1]
        assert encoded.side_bits == pytest.approx(rate_bits[0], rel=0.02, abs=2)
        assert encoded.index_bits == pytest.approx(rate_bits[1], rel=0.02)
        parts = encoded.header_bits + encoded.side_bits + encoded.index_bits
        assert 8 * len(encoded.blob) == pytest.approx(parts, abs=64)


def test_a_higher_quality_costs_more_and_looks_better(codec):
    found = [codec.at(quality).encode([IMAGE])[0].blob for quality in (0, 50, 100)]
    rates, quality = [len(blob) for blob in found], [psnr_db(IMAGE, codec.decompress(blob)) for blob in found]
    assert rates == sorted(rates) and rates[2] > 1.5 * rates[0]
    assert min(quality[1:]) > quality[0] + 0.2  # most of what is lost are the components it has not


def test_estimates_and_aims(codec):
    bits, picture = codec.estimate(IMAGE)
    encoded = codec.encode([IMAGE])[0]
    assert bits == pytest.approx(encoded.kl_bits) and np.array_equal(picture, codec.decompress(encoded.blob))
    most = len(encoded.blob)
    assert len(Aim(max_bytes=most).encode(codec, IMAGE).blob) <= most


def test_the_best_that_fits_is_exact_where_a_classical_format_does():
    """Of a flat picture: its lossy file is small, and an exact one has no more to lose."""
    codec = dataclasses.replace(tiny_quantised(), fallback="smallest")
    image = np.full((64, 64, 3), 77, np.uint8)
    found = Aim(max_bytes=1000).encode(codec, image)
    assert found.kind == container.EMBEDDED and np.array_equal(codec.decompress(found.blob), image)
    assert Aim(max_bytes=1000).encode(codec.without_fallback(), image).kind == container.LOSSY
    with pytest.raises(ConfigError, match="allow more"):
        Aim(max_bytes=len(found.blob) - 1).encode(codec, image)
    with pytest.raises(UnsupportedImage, match="holds 8 bits"):
        Aim(max_bytes=1000).encode(codec, image.astype(np.uint16))
    with pytest.raises(UnsupportedImage, match="image is float64"):
        Aim(max_bytes=1000).encode(codec, image / 255)


def test_neither_direction_needs_jax(tmp_path):
    np.save(tmp_path / "image.npy", IMAGE)
    written = f"(blob := codec.compress(np.load({str(tmp_path / 'image.npy')!r}))).hex()"
    blob, total = said_without_jax(tiny_quantised(), tmp_path, f"{written}, codec.decompress(blob).sum()")
    assert int(total) == tiny_quantised().decompress(bytes.fromhex(blob)).sum()


def test_latents_far_out_are_coded():
    """A model whose scales are all too small: most values lie beyond their tables."""
    taught = tiny_quantised()
    params = float_params(taught.package.stored)
    params["log_scale"]["knots"] = np.full_like(params["log_scale"]["knots"], -9.0)
    package = package_of_params(taught.model, params, taught.package.coder)
    codec = package.codec().without_fallback()
    found = codec.encode([IMAGE])[0]
    assert psnr_db(IMAGE, codec.decompress(found.blob)) == psnr_db(IMAGE, taught.decompress(taught.compress(IMAGE)))
    assert found.index_bits > 2 * taught.encode([IMAGE])[0].index_bits


def test_what_cannot_be_is_told(codec):
    blob = codec.compress(IMAGE)
    with pytest.raises(UnsupportedImage, match="holds 8 bits"):
        codec.compress(IMAGE.astype(np.uint16))
    with pytest.raises(ConfigError, match="a whole number from 0 to 100"):
        codec.at(101)
    with pytest.raises(WrongModel):
        dataclasses.replace(codec, package=dataclasses.replace(codec.package, model_id=1)).decompress(blob)
    header, payload = container.unpack(blob)
    with pytest.raises(RecError, match="quality"):
        codec.decompress(with_check(container.pack(header, bytes([101]) + payload[1:])))
    with pytest.raises(RecError, match="method"):
        codec.decompress(container.pack(dataclasses.replace(header, method=0), payload))


@settings(max_examples=n_examples(40), deadline=None)
@given(mutations())
def test_mutated_files_never_give_other_pixels(recipe):
    codec = tiny_quantised()
    blob = codec.compress(IMAGE[:32, :32])
    try:
        pixels = codec.decompress(mutate(blob, recipe))
    except RecError:
        return
    np.testing.assert_array_equal(pixels, codec.decompress(blob))

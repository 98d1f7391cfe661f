"""Lossy files: what comes out is what the encoder saw, for any picture; the rate is the KL; damage is named."""

import dataclasses
import functools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.stats import spearmanr
from test_fuzz import mutate, mutations, with_check
from tiny_lossy import photograph, tiny_lossy

from rec_jax.codec import container, lossy
from rec_jax.codec.base import Encoded
from rec_jax.codec.embedded import pack_embedded
from rec_jax.codec.expected_kl import N_BINS, bins_of, nearest_knot, shares_of
from rec_jax.codec.latents import read_code, write_code
from rec_jax.codec.lossy import COUNTS_APART, COUNTS_IN_ORDER, LONG_SEQUENCES, WAYS, LossyCodec
from rec_jax.codec.lossy_encoder import posterior, walk
from rec_jax.codec.lossy_ideal import ideal
from rec_jax.codec.lossy_pictures import as_colour, padded, padded_size, to_pixels
from rec_jax.codec.rate_control import Aim, encode_reaching, encode_within
from rec_jax.coders import make_layer_coder
from rec_jax.coders.base import PatientCoder
from rec_jax.coders.tree.codebook import Codebook
from rec_jax.coders.tree.coder import TreeCoder
from rec_jax.core.errors import CoderOverflow, ConfigError, RecError, UnsupportedImage, UnsupportedVersion, WrongModel
from rec_jax.core.numpy_gaussian import kl_nats
from rec_jax.core.psnr import psnr_db
from rec_jax.entropy.queue import SymbolReader, SymbolWriter
from rec_jax.exact.arithmetic import FRACTION_BITS, as_floats
from rec_jax.exact.network import ExactNet
from rec_jax.exact.prior import as_latents, prior_integers
from rec_jax.exact.scope import exact_jax
from rec_jax.exact.tables import SCALE_BITS
from rec_jax.models.exact_params import exact_params
from rec_jax.models.knots import at_quality
from tests.codec.new_process import said_without_jax
from tests.fuzzing import n_examples

IMAGE = photograph(40, 56)


@pytest.fixture(scope="module")
def codec():
    return tiny_lossy().without_fallback()


@pytest.fixture(scope="module")
def encoded(codec):
    return codec.encode([IMAGE])[0]


@pytest.mark.parametrize("size", [(1, 1), (7, 33), (48, 16)])
@pytest.mark.parametrize("grey", [False, True])
def test_any_picture_comes_back_as_the_encoder_saw_it(codec, size, grey):
    image = photograph(*size)
    image = image[..., 0] if grey else image
    blob = codec.compress(image)  # has the checksum of what the encoder saw
    pixels = codec.decompress(blob)
    assert pixels.shape == image.shape and pixels.dtype == np.uint8
    assert psnr_db(image, pixels) > 18


def test_searches_are_called_as_programs_that_can_be_kept(codec, encoded):
    """What core/kept_programs.py asks: plain static arguments, and arrays of numpy."""
    sizes = []

    def run(program, static, blocks):
        assert all(type(x) is int for x in static) and all(isinstance(x, np.ndarray) for x in blocks)
        sizes.append((program.name, static))
        return program(static, blocks)

    assert dataclasses.replace(codec, programs=run).encode([IMAGE])[0].blob == encoded.blob
    assert len(set(sizes)) < len(sizes)


def test_the_parts_of_a_file_sum_to_its_length_which_is_about_the_kl(codec, encoded):
    assert encoded.header_bits + encoded.index_bits + encoded.side_bits == pytest.approx(8 * len(encoded.blob), abs=64)
    assert encoded.index_bits + encoded.side_bits == pytest.approx(encoded.kl_bits, rel=0.1)
    assert container.unpack(encoded.blob)[0].kind == container.LOSSY


def test_a_higher_quality_costs_more_and_looks_better(codec):
    found = [codec.at(quality).encode([IMAGE])[0] for quality in (0, 50, 100)]
    rates, pictures = [len(f.blob) for f in found], [codec.decompress(f.blob) for f in found]
    assert rates == sorted(rates) and rates[2] > 1.5 * rates[0]
    quality = [psnr_db(IMAGE, picture) for picture in pictures]
    assert quality == sorted(quality) and quality[2] > quality[0] + 3


def test_a_coded_sample_is_about_as_good_as_an_exact_one(codec, encoded):
    """Its rate and its distortion: the two that make a point of a curve."""
    exact = [ideal(codec, IMAGE, seed) for seed in range(3)]
    assert np.mean([point.kl_bits for point in exact]) == pytest.approx(encoded.kl_bits, rel=0.1)
    mean_db = np.mean([psnr_db(IMAGE, point.image) for point in exact])
    assert psnr_db(IMAGE, codec.decompress(encoded.blob)) > mean_db - 1.5
    assert exact[0].kl_bits == sum(exact[0].layer_kl_bits) and exact[0].image.shape == IMAGE.shape


def test_every_arithmetic_walks_to_the_same_integers(codec):
    """int64 is the judge of float64 under numpy and jax."""
    size, found = (16, 16), []
    for xp, dtype in ((np, "int64"), (np, "float64"), (jnp, "float64")):
        net, rng, seen = ExactNet(xp, dtype), np.random.default_rng(0), []

        def draw(layer, prior, hidden, xp=xp, rng=rng, seen=seen):
            seen.append([np.asarray(x, np.int64) for x in prior_integers(*prior, xp)])
            z = rng.integers(-3 << FRACTION_BITS, 3 << FRACTION_BITS, prior[0].shape)
            return xp.asarray(z, prior[0].dtype), None

        with exact_jax():
            params = exact_params(codec.model, at_quality(codec.package.stored, 37), xp, dtype)
            outputs, _ = codec.model.top_down(net, params, draw, 1, size)
        found.append([*np.concatenate([np.ravel(x) for x in seen]), *np.asarray(outputs, np.int64).ravel()])
    assert found[0] == found[1] == found[2]


def test_the_decoder_needs_no_jax(codec, encoded, tmp_path):
    (tmp_path / "a.rec").write_bytes(encoded.blob)
    decoded = f"codec.decompress(Path({str(tmp_path / 'a.rec')!r}).read_bytes())"
    (total,) = said_without_jax(codec, tmp_path, f"{decoded}.sum()")
    assert int(total) == codec.decompress(encoded.blob).sum()


def test_what_a_lossy_file_cannot_be(codec, encoded):
    with pytest.raises(UnsupportedImage, match="holds 8 bits"):
        codec.compress(IMAGE.astype(np.uint16))
    for quality in (-1, 101, 50.0, True):
        with pytest.raises(ConfigError, match="a whole number from 0 to 100"):
            codec.at(quality)
    with pytest.raises(WrongModel):
        dataclasses.replace(codec, package=dataclasses.replace(codec.package, model_id=1)).decompress(encoded.blob)
    with pytest.raises(ConfigError, match="way=3 is unknown; have 0, 1, 2"):
        dataclasses.replace(codec, way=3)
    with pytest.raises(ConfigError, match="take no device"):
        codec.on_device("gpu")


def test_files_of_both_lengths_of_sequences_decode(codec):
    """What sequences an encoder searches is what a decoder replays, whichever way the file names."""
    codec, pictures = codec.without_fallback(), []
    for way in (COUNTS_IN_ORDER, LONG_SEQUENCES):
        blob = dataclasses.replace(codec, way=way).compress(IMAGE)
        assert container.unpack(blob)[0].method & 15 == way
        pictures.append(codec.decompress(blob))
        assert psnr_db(IMAGE, pictures[-1]) > 20
    assert not np.array_equal(*pictures)


def test_after_a_layer_that_the_coder_cannot_hold_none_is_searched(monkeypatch):
    searched, search = [], TreeCoder.encode_long
    monkeypatch.setattr(TreeCoder, "encode_long", lambda *args: searched.append(1) or search(*args))
    with pytest.raises(CoderOverflow):
        tiny_lossy(max_nats=3.0).without_fallback().compress(IMAGE)
    assert len(searched) == 1


def test_coarse_pictures_are_searched_for_longer_and_decode_alike(monkeypatch):
    beams, search = [], TreeCoder.encode_long
    monkeypatch.setattr(TreeCoder, "encode_long", lambda self, *rest: beams.append(self.n_beams) or search(self, *rest))
    codec = tiny_lossy().without_fallback()
    for quality in (12, 30, 31):
        codec.decompress(codec.at(quality).compress(IMAGE))  # compared with what the encoder saw
    assert list(dict.fromkeys(beams)) == [128, 64, 32]
    for n_beams, times, most in ((8192, 4, 32_768), (16_384, 4, 32_768), (65_536, 4, 65_536)):
        coder = make_layer_coder(dict(kind="tree", n_beams=n_beams))
        found = coder.for_pictures(4096).with_effort(times)
        assert found.n_beams == most and found.codebook == coder.for_pictures(4096).codebook
    assert not isinstance(make_layer_coder(dict(kind="beam_search")), PatientCoder)


def test_pictures_have_as_many_windows_as_the_coder_has_candidates():
    for n_beams, length in ((512, 1 << 13), (4096, 1 << 16), (32_768, 1 << 16), (3, 4096)):
        coder = make_layer_coder(dict(kind="tree", n_beams=n_beams, sequence_length=4096))
        assert coder.for_pictures(4096).codebook == Codebook(16, length, shared=True)
        assert coder.for_pictures(4096, long_sequences=False).codebook == coder.codebook == Codebook(16, 4096)


def test_counts_go_by_those_of_the_call_before_and_in_the_oldest_files_did_not(monkeypatch):
    """Of a picture with several calls a layer: both decode; a method that is not known is refused."""
    monkeypatch.setattr(lossy, "CALL_DIMS", 64)
    codec, image = tiny_lossy(block_size=16).without_fallback(), photograph(48, 64)
    codec = dataclasses.replace(codec, way=COUNTS_IN_ORDER)
    blob = codec.compress(image)
    header, payload = container.unpack(blob)
    assert header.method & 15 == COUNTS_IN_ORDER
    reader, codes, size = SymbolReader(payload[1:]), [], padded_size(48, 64, codec.model.stride)
    for call, coder in codec.symbol_coders(codec.calls(*size), codes):
        codes.append(read_code(reader, coder, call.n_dims))
    writer = SymbolWriter()
    oldest = dataclasses.replace(codec, way=COUNTS_APART)
    for (call, coder), code in zip(oldest.symbol_coders(oldest.calls(*size), codes), codes, strict=True):
        write_code(writer, coder, call.n_dims, code)
    older, neither = (
        container.pack(dataclasses.replace(header, method=header.method & 0xF0 | n), payload[:1] + stream)
        for n, stream in ((COUNTS_APART, writer.getvalue()), (len(WAYS), payload[1:]))
    )
    np.testing.assert_array_equal(codec.decompress(older), codec.decompress(blob))
    assert len(blob) < len(older)
    with pytest.raises(UnsupportedVersion, match="update rec_jax"):
        codec.decompress(neither)


def test_a_flat_picture_becomes_a_classical_file():
    codec, flat = tiny_lossy(), np.full((64, 64, 3), 77, np.uint8)
    blob = codec.compress(flat)
    assert container.unpack(blob)[0].kind == container.EMBEDDED
    np.testing.assert_array_equal(codec.decompress(blob), flat)


def test_a_picture_beyond_the_sides_of_webp_is_compared_with_a_classical_file(monkeypatch):
    codec, stripes = tiny_lossy(), np.repeat(np.arange(17000, dtype=np.uint8)[None] // 64 % 2 * 200, 8, axis=0)
    lossy_file = Encoded(bytes(stripes.size // 2), container.LOSSY, *6 * (0,))  # well below its raw pixels
    monkeypatch.setattr(LossyCodec, "_encode", lambda *_: [lossy_file])
    blob = codec.compress(stripes)
    assert blob == pack_embedded(stripes) and len(blob) < 300
    np.testing.assert_array_equal(codec.decompress(blob), stripes)


def test_a_picture_that_becomes_exact_reaches_any_decibels():
    codec, flat = tiny_lossy(), np.full((64, 64, 3), 77, np.uint8)
    assert encode_reaching(codec, flat, 60.0).blob == codec.at(100).compress(flat)


def test_any_layer_coder_carries_the_latents(codec):
    coder = make_layer_coder(dict(kind="beam_search", block_size=1000, n_beams=4))
    other, image = LossyCodec(codec.package, coder, fallback="none"), IMAGE[:16, :16]
    assert psnr_db(image, other.decompress(other.compress(image))) > 18


@pytest.mark.parametrize(
    "aim",
    [
        *(dict(quality=quality) for quality in (-1, 101, 50.0, True)),
        *(dict(multiplier=multiplier) for multiplier in (0, -1.0, np.inf, np.nan)),
        *(dict(max_bytes=n_bytes) for n_bytes in (0, -3)),
        *(dict(psnr_db=db) for db in (0, -5.0, np.inf, np.nan)),
    ],
    ids=repr,
)
def test_what_no_file_can_be_is_no_aim(aim):
    with pytest.raises(ConfigError, match="number"):
        Aim(**aim)


def test_aims_are_kept(codec):
    middle = len(codec.compress(IMAGE))
    found = encode_within(codec, IMAGE, middle)
    assert len(found.blob) <= middle < len(codec.at(100).compress(IMAGE))
    with pytest.raises(ConfigError, match="quality 0 takes"):
        encode_within(codec, IMAGE, 40)
    wanted = psnr_db(IMAGE, codec.decompress(codec.compress(IMAGE)))
    reached = encode_reaching(codec, IMAGE, wanted)
    assert psnr_db(IMAGE, codec.decompress(reached.blob)) >= wanted
    with pytest.raises(ConfigError, match=r"beyond this model at quality 100; it reaches \d\d\.\d\d dB"):
        encode_reaching(codec, IMAGE, 90.0)
    assert container.unpack(Aim(multiplier=0.01).encode(codec, IMAGE).blob)[1][0] == 50


@functools.cache
def kept() -> tuple[LossyCodec, bytes]:
    codec = tiny_lossy().without_fallback()
    return codec, codec.compress(photograph(16, 24))


@settings(max_examples=n_examples(70), deadline=None)
@given(mutations())
def test_mutated_files_never_give_other_pixels(recipe):
    codec, blob = kept()
    mutant = mutate(blob, recipe)
    try:
        pixels = codec.decompress(mutant)
    except RecError:
        return
    np.testing.assert_array_equal(pixels, codec.decompress(blob))


def test_forged_qualities_are_refused():
    codec, blob = kept()
    header, payload = container.unpack(blob)
    forged = container.pack(header, bytes([101]) + payload[1:])
    with pytest.raises(RecError, match="quality"):
        codec.decompress(with_check(forged))


def test_tables_by_scale():
    rows = (tuple(range(1, N_BINS + 1)), tuple(range(2, N_BINS + 2)))
    scale = np.array([1 << 7, 1 << 16, (1 << 16) + (1 << 15), 1 << 17, 1 << 30])
    assert bins_of(scale).tolist() == [0, 18, 19, 20, N_BINS - 1]
    assert shares_of(rows, 0, scale).tolist() == [1, 19, 20, 21, N_BINS]
    assert shares_of(rows, 100, scale).tolist() == [2, 20, 21, 22, N_BINS + 1]
    assert [nearest_knot(3, q) for q in (0, 24, 25, 74, 75, 100)] == [0, 0, 1, 1, 2, 2]


def test_shares_follow_the_kl(codec):
    """In the layer that carries most, what a dim carries and what it is expected to rise together."""
    carried, expected = [], []

    def draw(layer, prior, hidden):
        loc, scale = (x.ravel() for x in prior_integers(*prior, np))
        q = posterior(codec.model, layer, hidden)
        carried.append(kl_nats(*q, as_floats(loc, FRACTION_BITS), as_floats(scale, SCALE_BITS)))
        expected.append(codec.shares(int(layer.number), codec.quality, scale))
        return as_latents(np.round(q.loc * 2.0**FRACTION_BITS), prior[0], np), None

    walk(codec, IMAGE, draw)
    most = int(np.argmax([kl.sum() for kl in carried]))
    assert spearmanr(carried[most], expected[most]).statistic > 0.1  # not a number where all weigh alike


def test_pixels_are_the_bins_of_the_output():
    values = np.array([-(1 << 17), -(1 << 15), -(1 << 15) + 255, -(1 << 15) + 256, 0, (1 << 15) - 1, 1 << 17])
    for dtype in (np.int64, np.float64):
        assert to_pixels(values.astype(dtype)).tolist() == [0, 0, 0, 1, 128, 255, 255]


def test_padding_repeats_the_edge():
    image = photograph(3, 5)
    out = padded(image, 4)
    assert out.shape == (4, 8, 3) and np.array_equal(out[3], out[2]) and np.array_equal(out[:, 7], out[:, 4])
    assert as_colour(image[..., 0]).shape == image.shape

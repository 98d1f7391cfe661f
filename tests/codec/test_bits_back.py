"""Bits-back coding: chains come back exactly at about -ELBO, a single image pays for its start, damage is refused."""

import dataclasses

import jax
import numpy as np
import pytest
from tiny_codec import MODEL_ID, smooth_image, tiny_package

from rec_jax.codec import bits_back
from rec_jax.codec.bits_back import BitsBackCodec
from rec_jax.codec.bits_back_bins import BinnedPosterior, bin_centres, bin_edges
from rec_jax.codec.bits_back_costs import evaluate_chain
from rec_jax.codec.bits_back_message import files_of_words, words_of_files
from rec_jax.core.errors import (
    BitstreamMismatch,
    ConfigError,
    CorruptFile,
    UnsupportedImage,
    UnsupportedVersion,
    WrongModel,
)
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.entropy.stack import StackExhausted, SymbolStack
from rec_jax.evaluate.elbo import image_elbo
from tests.codec.damaged_messages import check_damage_is_refused

EVERYTHING = slice(None)


def random_words(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2**32, n, np.uint32)


@pytest.fixture(scope="module")
def codec():
    return BitsBackCodec(tiny_package())


def other(codec, **fields):
    """The codec of another package."""
    return dataclasses.replace(codec, package=dataclasses.replace(codec.package, **fields))


@pytest.fixture(scope="module")
def images():
    return np.stack([smooth_image(32, 32, seed) for seed in range(10)])


@pytest.fixture(scope="module")
def chain(codec, images):
    return codec.encode_chain(images, random_words(codec.enough_words(32, 32)))


def test_a_chain_comes_back_with_its_start(codec, images, chain):
    decoded, start = codec.decode_chain(chain.blob)
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded, images)
    np.testing.assert_array_equal(start, chain.start)
    growth = 32 * (len(chain.words) - len(chain.start))
    assert abs(growth - sum(chain.net_bits)) < 64


def test_the_net_rate_is_near_the_elbo(codec, images, chain):
    """Means over seeds, since both are one draw of z per image."""
    model, params = codec.package.model, codec.package.float_params
    elbo = np.mean([image_elbo(model, params, images, range(10), s).elbo_bits.mean() for s in range(3)])
    starts = [random_words(codec.enough_words(32, 32), seed) for seed in range(2)]
    net = np.mean([codec.encode_chain(images, start).net_bits for start in starts])
    assert abs(net / elbo - 1) < 0.01


def test_a_decoder_that_compiled_for_itself_agrees(codec, images, chain):
    for function in (bits_back.infer, bits_back.posterior):
        function.clear_cache()
    np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], images)


def test_pictures_that_no_model_expects(codec):
    rng = np.random.default_rng(0)
    images = np.stack([rng.integers(0, 256, (32, 32, 3), np.uint8), np.zeros((32, 32, 3), np.uint8)])
    stored = codec.package.stored
    broken = other(codec, stored=stored | {"down_sample": jax.tree.map(lambda x: x * np.nan, stored["down_sample"])})
    for one in (codec, broken):
        chain = one.encode_chain(images, random_words(one.enough_words(32, 32)))
        np.testing.assert_array_equal(one.decode_chain(chain.blob)[0], images)


def test_other_sizes(codec):
    images = np.stack([smooth_image(8, 20, seed) for seed in range(2)])
    chain = codec.encode_chain(images, random_words(codec.enough_words(8, 20)))
    np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], images)


def test_the_shortest_start_is_enough_and_no_longer_than_needed(codec, images):
    chain = codec.encode_chain(images[:1], random_words(codec.enough_words(32, 32)))
    short = chain.with_shortest_start()
    again = codec.encode_chain(images[:1], short.start)
    assert again.blob == short.blob and again.n_untouched_words == 0
    assert short.net_bits == chain.net_bits
    with pytest.raises(StackExhausted, match=f"image 0; {codec.enough_words(32, 32)} words are enough"):
        codec.encode_chain(images[:1], short.start[1:])


def test_costs_of_one_image_include_its_initial_bits(codec, images):
    files = [bytes([i]) * 40 + random_words(20, i).tobytes() for i in range(8)]
    cost = evaluate_chain(codec, images[:6], files)
    n_dims = codec.n_dims(32, 32)
    assert n_dims == 16 * 16 + 8 * 8
    net = cost.net_bits
    for image in cost.images:
        assert image.single_random_bits > codec.bin_bits * n_dims  # all bins in full
        assert abs(image.single_random_bits - image.initial_bits - image.net_bits) < 0.05 * net + 500
        assert image.jxl_bits == 8 * 120 * image.n_jxl
        assert abs(image.single_jxl_bits - image.jxl_bits - net) < 0.05 * net + 500
    assert cost.message_bits > sum(image.net_bits for image in cost.images) + cost.initial_bits - 64
    assert evaluate_chain(codec, images[:2]).images[0].n_jxl is None


def test_files_in_a_start_come_back():
    files = [b"", b"abc", bytes(7)]
    words = words_of_files(files)
    assert files_of_words(words, 3) == files
    with pytest.raises(CorruptFile, match="4 files"):
        files_of_words(words, 4)


@pytest.mark.parametrize("bin_bits, total_bits", [(4, 18), (10, 18), (12, 16)])
def test_every_integer_lies_in_the_interval_of_its_bin(bin_bits, total_bits):
    rng = np.random.default_rng(0)
    shift, ratio = rng.normal(0, 3, 500), np.exp(rng.uniform(-9, 3, 500))
    shift[:4], ratio[:4] = [np.nan, 1e30, -40, 0], [1, 1e-30, 1e-3, np.inf]
    posterior = BinnedPosterior(DiagGaussian(shift, ratio), bin_bits, total_bits)
    for integers in (rng.integers(0, 1 << total_bits, 500), np.zeros(500, int), np.full(500, (1 << total_bits) - 1)):
        bins = posterior.find(integers, EVERYTHING)
        first, sizes = posterior.interval(bins, EVERYTHING)
        assert ((first <= integers) & (integers < first + sizes)).all()
        assert ((bins >= 0) & (bins < 1 << bin_bits)).all()


def test_frequencies_are_the_posteriors_mass():
    q = DiagGaussian(np.array([0.4]), np.array([0.3]))
    posterior = BinnedPosterior(q, 8, 18)
    first, sizes = posterior.interval(np.arange(256), slice(0, 1))
    assert first[0] == 0 and sizes.sum() == 2**18
    centres = bin_centres(8) / 2**12
    mean = (sizes * centres).sum() / 2**18
    assert abs(mean - 0.4) < 1e-2 and abs(np.sqrt((sizes * (centres - mean) ** 2).sum() / 2**18) - 0.3) < 1e-2
    assert np.all(np.diff(bin_edges(8)) > 0)
    prior = BinnedPosterior(DiagGaussian(np.zeros(1), np.ones(1)), 8, 18)
    assert np.abs(prior.interval(np.arange(256), slice(0, 1))[1] - 2**10).max() <= 1


def test_a_stack_gives_back_what_was_popped():
    words = random_words(200)
    stack, rng = SymbolStack(words), np.random.default_rng(1)
    sizes = rng.integers(1, 2**18, 100)
    popped, below = stack.pop_uniform(100, 18), stack.pop_below(sizes)
    assert ((below >= 0) & (below < sizes)).all()
    used = 32 * 200 - stack.n_bits
    assert abs(used - 100 * 18 - np.log2(sizes).sum()) < 64
    resumed = SymbolStack(stack.message(), sealed=True)
    resumed.push_below(below, sizes)
    resumed.push_uniform(popped, 18)
    np.testing.assert_array_equal(resumed.start(), words)
    with pytest.raises(StackExhausted, match="fewer bits"):
        resumed.pop_uniform(400, 18)


@pytest.fixture(scope="module")
def blob(codec, images):
    return codec.encode_chain(images[:1], random_words(codec.enough_words(32, 32))).with_shortest_start().blob


def test_another_model_or_precision_is_refused_by_name(codec, blob):
    with pytest.raises(WrongModel, match=f"{MODEL_ID:04x}.*0001"):
        other(codec, model_id=1).decode_chain(blob)
    with pytest.raises(WrongModel, match=r"\(12, 18\); this codec has \(12, 16\)"):
        dataclasses.replace(codec, posterior_bits=16).decode_chain(blob)


def test_other_weights_never_give_a_picture(codec, blob):
    stored = codec.package.stored
    for part in ("top", "down_sample"):  # of the exact walk, and of the posteriors
        changed = jax.tree.map(lambda x: (x * 1.05).astype(x.dtype), stored[part])
        with pytest.raises(BitstreamMismatch, match="decode it where it was written"):
            other(codec, stored=stored | {part: changed}).decode_chain(blob)


def test_the_network_is_walked_once_an_image(codec, images, monkeypatch):
    """So that the time grows with the depth, not with its square."""
    walks, posteriors, top_down = [], [], type(codec.package.model).top_down
    monkeypatch.setattr(type(codec.package.model), "top_down", lambda *a: walks.append(0) or top_down(*a))
    original = bits_back.posterior
    monkeypatch.setattr(bits_back, "posterior", lambda *a: posteriors.append(0) or original(*a))
    chain = codec.encode_chain(images[:2], random_words(codec.enough_words(32, 32)))
    assert (len(walks), len(posteriors)) == (2, 4)  # two images; two layers each
    codec.decode_chain(chain.blob)
    assert (len(walks), len(posteriors)) == (4, 8)


def test_latents_that_the_posterior_never_gives_are_damage(codec):
    sharp = DiagGaussian(np.full(3, -2.0), np.full(3, 1e-3))
    with pytest.raises(CorruptFile, match="none that the posterior gives"):
        codec._push_bins(SymbolStack(random_words(10)), sharp, np.array([4000, 4000, 4000]))


def test_damage_is_refused(codec, blob):
    """Whichever byte it is: each decides over the pixels, over the start, or is under the CRC alone."""
    check_damage_is_refused(codec, blob, 20, 20)
    with pytest.raises(UnsupportedVersion, match="version 9"):
        codec.decode_chain(blob[:1] + b"\x09" + blob[2:])
    with pytest.raises(UnsupportedVersion, match="version 1; this program reads 2"):
        codec.decode_chain(blob[:1] + b"\x01" + blob[2:])


def test_forged_sizes_are_refused_before_anything_is_decoded(codec, blob):
    with pytest.raises(CorruptFile, match="cannot hold an image of 65532 x 65532"):
        codec.decode_chain(blob[:8] + (65532).to_bytes(2, "little") * 2 + blob[12:])


@pytest.mark.parametrize("shape", [(32, 32, 3), (1, 30, 32, 3), (0, 32, 32, 3), (1, 32, 32, 4)])
def test_other_images_are_refused(codec, shape):
    with pytest.raises(UnsupportedImage, match="give uint8|multiples of 4"):
        codec.encode_chain(np.zeros(shape, np.uint8), random_words(10))


@pytest.mark.parametrize("precisions", [(0, 18), (18, 18), (10, 25)])
def test_impossible_precisions_are_refused(codec, precisions):
    with pytest.raises(ConfigError, match="need 1 <= bin_bits"):
        dataclasses.replace(codec, bin_bits=precisions[0], posterior_bits=precisions[1])

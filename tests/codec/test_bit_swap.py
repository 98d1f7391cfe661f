"""Bit-Swap's codec: chains come back exactly at about -ELBO, anywhere; the first image pays for one layer's bits."""

import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from rec_jax.codec.bit_swap import BitSwapCodec
from rec_jax.codec.bits_back_costs import evaluate_chain
from rec_jax.codec.package import Package, open_package, package_of_params
from rec_jax.codec.presets import preset_coder
from rec_jax.core.errors import BitstreamMismatch, ConfigError, UnsupportedImage, WrongModel
from rec_jax.entropy.stack import StackExhausted
from rec_jax.evaluate.elbo import image_elbo
from tests.codec.damaged_messages import check_damage_is_refused
from tests.models.tiny_bit_swap import smooth_tiles, tiny_bit_swap

MODEL_ID = 0xB175


def random_words(n, seed=0):
    return np.random.default_rng(seed).integers(0, 2**32, n, np.uint32)


def tiny_package(bare: bool = False) -> Package:
    return dataclasses.replace(package_of_params(*tiny_bit_swap(bare), preset_coder("default")), model_id=MODEL_ID)


@pytest.fixture(scope="module")
def codec():
    return BitSwapCodec(tiny_package())


@pytest.fixture(scope="module")
def images():
    return smooth_tiles(12)


@pytest.fixture(scope="module")
def chain(codec, images):
    return codec.encode_chain(images, random_words(codec.enough_words(8, 8)))


@pytest.fixture(scope="module")
def blob(codec, images):
    return codec.encode_chain(images[:1], random_words(codec.enough_words(8, 8))).with_shortest_start().blob


def test_a_chain_comes_back_with_its_start(codec, images, chain):
    decoded, start = codec.decode_chain(chain.blob)
    np.testing.assert_array_equal(decoded, images)
    np.testing.assert_array_equal(start, chain.start)
    growth = 32 * (len(chain.words) - len(chain.start))
    assert abs(growth - sum(chain.net_bits)) < 64


def test_the_net_rate_is_near_the_elbo(images):
    """Means over seeds, since both are one draw of z per image."""
    codec = BitSwapCodec(tiny_package(bare=True))
    model, params = codec.package.model, codec.package.float_params
    elbo = np.mean([image_elbo(model, params, images, range(12), seed).elbo_bits.mean() for seed in range(8)])
    starts = [random_words(codec.enough_words(8, 8), seed) for seed in range(3)]
    net = np.mean([codec.encode_chain(images, start).net_bits for start in starts])
    assert abs(net / elbo - 1) < 0.01, (net, elbo)


def test_a_picture_whose_later_tiles_live_on_the_bits_of_earlier_ones():
    """Its message is shorter than the last layers of all its tiles together, on which an earlier check insisted."""
    codec = BitSwapCodec(open_package("cifar10-bit-swap"))
    image = np.full((1, 64, 128, 3), 90, np.uint8)
    chain = codec.encode_chain(image, random_words(codec.enough_words(32, 32))).with_shortest_start()
    assert 32 * len(chain.words) < 8 * codec._least_bits(64, 128)
    np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], image)


def test_a_picture_of_several_tiles(codec):
    image = smooth_tiles(1, 24)[:, :16]
    chain = codec.encode_chain(image, random_words(codec.enough_words(16, 24)))
    np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], image)
    assert (
        32 * len(chain.with_shortest_start().start)
        < 64 + 2 * codec.encode_chain(image[:, :8, :8], chain.start).start_bits
    )


@pytest.mark.parametrize("bin_bits, interleaved", [(1, True), (16, True), (10, False)])
def test_other_bins_and_the_other_order(codec, images, bin_bits, interleaved):
    other = dataclasses.replace(codec, bin_bits=bin_bits, interleaved=interleaved)
    chain = other.encode_chain(images[:2], random_words(other.enough_words(8, 8)))
    np.testing.assert_array_equal(other.decode_chain(chain.blob)[0], images[:2])


def test_pictures_that_no_model_expects(codec):
    rng = np.random.default_rng(0)
    images = np.stack([rng.integers(0, 256, (8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)])
    chain = codec.encode_chain(images, random_words(codec.enough_words(8, 8)))
    np.testing.assert_array_equal(codec.decode_chain(chain.blob)[0], images)


_DECODE = """
import sys
import numpy as np
from rec_jax.codec.bit_swap import BitSwapCodec
from tests.codec.test_bit_swap import tiny_package
images, start = BitSwapCodec(tiny_package()).decode_chain(open(sys.argv[1], "rb").read())
np.savez(sys.argv[2], images=images, start=start)
"""


def test_another_process_with_plain_arithmetic_decodes_it(images, chain, tmp_path):
    """Under none of numpy's optional instructions, on one thread."""
    (tmp_path / "chain").write_bytes(chain.blob)
    features = "AVX2 FMA3 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR X86_V3 X86_V4"
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "NPY_DISABLE_CPU_FEATURES": features}
    words = [sys.executable, "-W", "ignore", "-c", _DECODE, str(tmp_path / "chain"), str(tmp_path / "out.npz")]
    subprocess.run(words, check=True, env=environment, cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    with np.load(tmp_path / "out.npz") as out:
        np.testing.assert_array_equal(out["images"], images)
        np.testing.assert_array_equal(out["start"], chain.start)


class Watched(BitSwapCodec):
    """Keeps the bits of every layer that it pops, by logistic CDFs in floats."""

    def _posterior(self, i, known):
        law = super()._posterior(i, known)
        self.popped.append((i, law, known))
        return law

    def layer_bits(self, image, start):
        object.__setattr__(self, "popped", [])
        self.encode_chain(image, start)
        edges = np.linspace(-16, 16, (1 << self.bin_bits) + 1)
        edges[[0, -1]] = -np.inf, np.inf
        return [
            -np.log2(
                np.diff([_cdf((edges[known[i] + k] - law._loc / 4096) * law._inverse / 65536) for k in (0, 1)], axis=0)
            ).sum()
            for i, law, known in self.popped
        ]


def _cdf(x):
    return 0.5 + 0.5 * np.tanh(0.5 * x)


@pytest.mark.parametrize("interleaved", [True, False])
def test_the_first_image_pays_for_its_first_pop_alone(codec, images, interleaved):
    """Pops and pushes take turns, so z_1's bits are all that is needed; popped first, those of all layers are."""
    codec = Watched(codec.package, interleaved=interleaved)
    start = random_words(codec.enough_words(8, 8))
    first, *others = codec.layer_bits(images[:1], start)
    wanted = first if interleaved else first + sum(others)
    chain = codec.encode_chain(images[:1], start)
    assert chain.start_bits == pytest.approx(wanted, rel=1e-3)
    short = chain.with_shortest_start()
    assert 0 <= 32 * len(short.start) - wanted <= 96  # whole words, and the coder's state of two
    assert codec.encode_chain(images[:1], short.start).blob == short.blob
    assert len(others) == 2 and others[0] > 0.5 * first


def test_costs_of_one_image_include_its_initial_bits(codec, images):
    cost = evaluate_chain(codec, images[:4])
    for image in cost.images:
        assert image.single_random_bits == pytest.approx(image.initial_bits + image.net_bits, rel=0.1)
        assert 0 <= image.initial_bits - image.start_bits <= 96


def test_another_model_method_or_precision_is_refused_by_name(codec, blob):
    with pytest.raises(WrongModel, match=f"{MODEL_ID:04x}.*0001"):
        BitSwapCodec(dataclasses.replace(codec.package, model_id=1)).decode_chain(blob)
    with pytest.raises(WrongModel, match=r"\(10, 24\); this codec has \(11, 24\)"):
        dataclasses.replace(codec, bin_bits=11).decode_chain(blob)
    with pytest.raises(WrongModel, match="method 0xb5; this codec is 0xbb"):
        dataclasses.replace(codec, interleaved=False).decode_chain(blob)


def test_other_weights_never_give_a_picture(codec, blob):
    stored = codec.package.stored
    changed = stored | {"generate": [*stored["generate"][:2], stored["infer"][2]]}
    with pytest.raises(BitstreamMismatch, match="damaged; get it again"):
        BitSwapCodec(dataclasses.replace(codec.package, stored=changed)).decode_chain(blob)


def test_damage_is_refused(codec, blob):
    check_damage_is_refused(codec, blob, 18, 6)


def test_what_cannot_be_coded_is_refused(codec):
    with pytest.raises(UnsupportedImage, match="multiples of 8"):
        codec.encode_chain(np.zeros((1, 8, 12, 3), np.uint8), random_words(10))
    with pytest.raises(StackExhausted, match="image 0"):
        codec.encode_chain(np.zeros((1, 8, 8, 3), np.uint8), random_words(2))
    with pytest.raises(ConfigError, match="bin_bits=17: 1 to 16"):
        dataclasses.replace(codec, bin_bits=17)
    with pytest.raises(ConfigError, match="codes chains of pictures"):
        codec.package.codec()

"""The codec with the coder of its presets: a channel's weights, smaller blocks, and streams that nobody wrote."""

import jax
import numpy as np
import pytest
from tiny_codec import MODEL_ID, smooth_image, tiny_codec, with_package

from rec_jax.codec import container
from rec_jax.codec.calibrate import calibrate, calibrate_shares
from rec_jax.codec.container import LOSSLESS, Header
from rec_jax.codec.learned import Learned
from rec_jax.codec.presets import CUSTOM_PRESET
from rec_jax.coders import StepCountModel
from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.coders.tree.outliers import MAX_OUTLIERS, Outliers, outlier_symbols
from rec_jax.core.errors import CorruptFile, RecError
from rec_jax.entropy.queue import SymbolWriter
from rec_jax.models.elbo import elbo_terms

WEIGHTS = ((1, 90, 5), (40, 2))  # of the coarse layer and the fine one, which differ in their channels
IMAGE = smooth_image(24, 32)
CODER = dict(kind="tree", n_beams=16, sequence_length=64, block_size=4096, max_nats=400.0)


@pytest.fixture(scope="module")
def codec():
    return tiny_codec(((2, 1, 4, 2), (4, 1, 4, 3)), fallback="none", learned=Learned(shares=WEIGHTS), **CODER)


@pytest.fixture(scope="module")
def blob(codec):
    return codec.compress(IMAGE)


def test_round_trip_and_the_parts_are_the_file(codec, blob):
    assert container.unpack(blob)[0].method == CUSTOM_PRESET << 4
    np.testing.assert_array_equal(codec.decompress(blob), IMAGE)
    e = codec.encode([IMAGE])[0]
    parts = e.header_bits + e.index_bits + e.side_bits + e.pixel_bits
    assert e.blob == blob and abs(8 * len(blob) - parts) <= 64 + 1e-3 * parts


def test_a_reader_of_other_weights_gets_no_picture(codec, blob):
    with pytest.raises(CorruptFile):
        with_package(codec, learned=Learned(shares=((1, 90, 5), (2, 40)))).decompress(blob)


def test_an_overflow_is_answered_by_smaller_blocks():
    """The layer's 47 nats are too many for one block, and not for each of two."""
    learned = Learned(shares=WEIGHTS[:1])
    codec = tiny_codec(((4, 1, 4, 3),), fallback="none", learned=learned, **CODER | {"max_nats": 36.0})
    blob = codec.compress(IMAGE)
    assert container.unpack(blob)[0].method & 15 == 5
    np.testing.assert_array_equal(codec.decompress(blob), IMAGE)


def forged(codec, outliers: Outliers) -> bytes:
    """A file whose first layer begins with these outliers; the rest of its stream is noise."""
    writer = SymbolWriter()
    for values, table in zip(*outlier_symbols(outliers, in_order=False), strict=True):
        writer.write(values, table)
    stream = writer.getvalue() + np.random.default_rng(0).bytes(4000)
    return container.pack(Header(24, 32, False, 8, LOSSLESS, CUSTOM_PRESET << 4, MODEL_ID, 0), stream)


@pytest.mark.parametrize("dims", ["all one", "falling"])
def test_outliers_that_no_encoder_writes_end_in_an_error(codec, dims):
    """As many as there may be, as far off as they can be said to be, twice the same or in another order."""
    n_dims = 8 * 8 * 3
    places = np.full(MAX_OUTLIERS, 5) if dims == "all one" else np.arange(n_dims - 1, n_dims - 1 - MAX_OUTLIERS, -1)
    exponents, shifts = (np.resize(pair, MAX_OUTLIERS + 1) for pair in ([7, 0], [2**20 - 1, 1 - 2**20]))
    outliers = Outliers(np.append(places, n_dims), exponents, shifts)
    with pytest.raises(RecError):
        codec.decompress(forged(codec, outliers))


def test_mutated_files_never_give_other_pixels(codec, blob):
    rng, start = np.random.default_rng(1), len(container.pack(container.unpack(blob)[0], b""))
    for _ in range(60):
        data = bytearray(blob)
        data[min(start + int(rng.exponential(20)), len(data) - 1)] ^= 1 << int(rng.integers(8))
        header, _ = container.unpack(blob)
        try:
            decoded = codec.decompress(container.pack(header, bytes(data[start:])))
        except RecError:
            continue
        np.testing.assert_array_equal(decoded, IMAGE)


def test_weights_are_the_mean_nats_of_a_channels_dims(codec):
    images = np.stack([smooth_image(32, 32, seed) for seed in range(5)])
    weights, package = calibrate_shares(codec.package, images), codec.package
    assert weights == calibrate_shares(package, images)
    assert [len(row) for row in weights] == [3, 2]
    kl = np.asarray(elbo_terms(package.model, package.float_params, images, jax.random.key(0)).kl_nats).mean(
        0
    )  # [L, C]
    expected = [64 * kl[0] / 8**2, 64 * kl[1, :2] / 16**2]
    for row, wanted in zip(weights, expected, strict=True):
        np.testing.assert_allclose(row, np.clip(wanted, 1, MAX_WEIGHT), rtol=0.1, atol=1.0)


def test_one_image_is_enough_to_learn_from(codec):
    images = smooth_image(32, 32)[None]
    learned = calibrate(codec.package, images)
    assert list(map(type, learned.step_counts)) == 2 * [StepCountModel] and list(map(len, learned.shares)) == [3, 2]

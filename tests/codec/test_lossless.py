"""Any picture to a file and back, and what the file is made of."""

import dataclasses

import jax
import numpy as np
import pytest
from tiny_codec import MODEL_ID, smooth_image, tiny_codec

from rec_jax.codec import container
from rec_jax.codec.calibrate import calibrate_step_counts
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.core.errors import BitstreamMismatch, CorruptFile, UnsupportedImage, WrongModel

SIZES = [(1, 1), (1, 7), (33, 5), (32, 32), (65, 64)]


def mode(blob):
    return container.unpack(blob)[0].mode


@pytest.mark.parametrize("size", SIZES)
def test_round_trip_of_any_size_in_colour_and_grey(tiny, size):
    image = smooth_image(*size)
    for picture in (image, image[..., 1].copy()):
        decoded = tiny.decompress(tiny.compress(picture))
        assert decoded.dtype == np.uint8 and decoded.shape == picture.shape
        np.testing.assert_array_equal(decoded, picture)


@pytest.mark.parametrize("kind", ["noise", "black", "white", "one colour", "checkerboard"])
def test_pictures_that_no_model_expects(tiny, kind):
    image = np.zeros((32, 32, 3), np.uint8)
    match kind:
        case "noise":
            image = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
        case "white":
            image += 255
        case "one colour":
            image += np.uint8([200, 30, 90])
        case "checkerboard":
            image[np.indices((32, 32)).sum(0) % 2 == 0] = 255
    blob = tiny.compress(image)
    np.testing.assert_array_equal(tiny.decompress(blob), image)
    assert len(blob) <= image.nbytes + 32


def test_a_smooth_picture_is_smaller_than_its_pixels(tiny):
    image = smooth_image(32, 32)
    blob = tiny.compress(image)
    assert mode(blob) == container.LATENT and len(blob) < 0.9 * image.nbytes


def test_transposed_and_read_only_arrays_are_taken(tiny):
    image = smooth_image(16, 24).transpose(1, 0, 2)
    image.flags.writeable = False
    np.testing.assert_array_equal(tiny.decompress(tiny.compress(image)), image)


@pytest.mark.parametrize("shape", [(0, 5, 3), (4, 4, 4), (4,), (2, 4, 4, 3)])
def test_other_shapes_are_refused(tiny, shape):
    with pytest.raises(UnsupportedImage):
        tiny.compress(np.zeros(shape, np.uint8))
    with pytest.raises(UnsupportedImage, match="float64"):
        tiny.compress(np.zeros((4, 4, 3)))


def test_the_parts_are_the_file(tiny):
    images = [smooth_image(32, 32, seed) for seed in range(3)] + [smooth_image(20, 19)[..., 0]]
    for e in tiny.encode(images):
        assert e.mode == container.LATENT
        parts = e.header_bits + e.index_bits + e.side_bits + e.pixel_bits
        assert abs(8 * len(e.blob) - parts) <= 64 + 1e-3 * parts
        assert min(e.index_bits, e.side_bits, e.kl_bits) > 0
        assert e.header_bits <= 128
        assert 0.5 * e.kl_bits < e.index_bits < 2.5 * e.kl_bits
        assert abs(e.pixel_bits - e.ideal_pixel_bits) < 0.01 * e.pixel_bits


def test_files_of_a_batch_are_in_order_and_of_any_mix(tiny):
    images = [smooth_image(32, 32, 1), smooth_image(40, 33, 2), smooth_image(5, 5, 3)[..., 0], smooth_image(32, 32, 4)]
    for image, e in zip(images, tiny.encode(images), strict=True):
        np.testing.assert_array_equal(tiny.decompress(e.blob), image)
    assert tiny.encode([]) == []


def test_a_file_is_the_same_every_time(tiny):
    assert tiny.compress(smooth_image(32, 32)) == tiny.compress(smooth_image(32, 32))


# ---- overflow: split, then stored --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow():
    """A coder that no layer of the tiny model fits, unless its blocks are 32 times smaller."""
    return tiny_codec(block_size=256, max_nats=15.0)


def test_an_overflow_is_answered_by_smaller_blocks(narrow):
    image = smooth_image(32, 32)
    blob = narrow.compress(image)
    header, _ = container.unpack(blob)
    assert (header.mode, header.split) == (container.LATENT, 5)
    np.testing.assert_array_equal(narrow.decompress(blob), image)


def test_one_block_per_layer_overflows_to_stored_mode():
    """Blocks that are whole layers cannot be made smaller."""
    codec = tiny_codec(block_size=None, max_nats=3.0)
    blob = codec.compress(smooth_image(32, 32))
    assert mode(blob) == container.STORED
    np.testing.assert_array_equal(codec.decompress(blob), smooth_image(32, 32))


def test_a_model_of_nan_stores_the_pixels(tiny):
    broken = dataclasses.replace(tiny, params=jax.tree.map(lambda x: np.full_like(x, np.nan), tiny.params))
    image = smooth_image(32, 32)
    e = broken.encode([image])[0]
    assert (e.mode, mode(e.blob)) == (container.STORED, container.STORED)
    assert len(e.blob) <= image.nbytes + 32
    np.testing.assert_array_equal(broken.decompress(e.blob), image)


def test_stored_files_need_no_model_of_their_own(tiny):
    blob = tiny.compress(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    assert mode(blob) == container.STORED
    other = dataclasses.replace(tiny, model_id=1)
    np.testing.assert_array_equal(other.decompress(blob), tiny.decompress(blob))


# ---- the wrong reader --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blob(tiny):
    return tiny.compress(smooth_image(32, 32))


def rewritten(blob, **fields):
    """The same file with other header fields and a correct check."""
    header, stream = container.unpack(blob)
    return container.pack(dataclasses.replace(header, **fields), stream)


def test_another_model_is_refused_by_its_id(tiny, blob):
    with pytest.raises(WrongModel, match=f"{MODEL_ID:04x}.*0001"):
        dataclasses.replace(tiny, model_id=1).decompress(blob)


def test_another_preset_is_refused_by_name(tiny, blob):
    with pytest.raises(WrongModel, match="preset default; this codec has custom"):
        tiny.decompress(rewritten(blob, preset=1))


@pytest.mark.parametrize("split", [1, 4, 6, 15])
def test_splits_that_no_encoder_writes_are_refused(tiny, blob, split):
    with pytest.raises(CorruptFile, match="halved"):
        tiny.decompress(rewritten(blob, split=split))


def test_other_weights_never_give_a_picture(tiny, blob):
    params = jax.tree.map(lambda x: x + np.float32(0.05), tiny.params)
    with pytest.raises((BitstreamMismatch, CorruptFile)):
        dataclasses.replace(tiny, params=params).decompress(blob)


def test_other_floats_are_named_by_the_runtime_that_wrote_the_file(tiny, blob):
    """Whether decoding ends in other pixels or in an impossible stream: the writer's runtime is the reason."""
    elsewhere = container.runtime_code("0.4.1", "gpu")
    params = jax.tree.map(lambda x: x + np.float32(0.05), tiny.params)
    with pytest.raises(BitstreamMismatch, match="written by jax 0.4.1 on gpu"):
        dataclasses.replace(tiny, params=params).decompress(rewritten(blob, runtime=elsewhere))


def test_a_changed_checksum_is_a_mismatch(tiny, blob):
    header, _ = container.unpack(blob)
    with pytest.raises(BitstreamMismatch):
        tiny.decompress(rewritten(blob, pixel_crc32=header.pixel_crc32 ^ 1))


# ---- calibration -------------------------------------------------------------------------------------------------


def test_learned_step_counts_make_smaller_files(tiny):
    images = np.stack([smooth_image(32, 32, seed) for seed in range(32)])
    untaught = dataclasses.replace(tiny, step_counts=())
    learned = calibrate_step_counts(tiny.model, tiny.params, tiny.coder, images[:16])
    assert len(learned) == tiny.model.n_layers
    assert learned == calibrate_step_counts(tiny.model, tiny.params, tiny.coder, images[:16])
    taught = LosslessCodec(tiny.model, tiny.params, tiny.coder, learned, MODEL_ID)
    side_bits = [sum(e.side_bits for e in codec.encode(list(images[16:]))) for codec in (taught, untaught)]
    assert side_bits[0] < side_bits[1]


def test_padding_costs_no_latents():
    """One more row and column make three more tiles, of which nearly all is padding."""
    codec, image = tiny_codec(), smooth_image(65, 65)
    square, larger = codec.encode([image[:64, :64]])[0], codec.encode([image])[0]
    np.testing.assert_array_equal(codec.decompress(larger.blob), image)
    assert square.kl_bits < larger.kl_bits < 1.3 * square.kl_bits
    assert larger.pixel_bits < 1.1 * square.pixel_bits

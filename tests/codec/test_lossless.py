"""Any picture to a file and back, and what the file is made of."""

import dataclasses

import numpy as np
import pytest
from tiny_codec import MODEL_ID, smooth_image, tiny_codec, with_other_weights, with_package

from rec_jax.codec import container
from rec_jax.codec.calibrate import calibrate, calibrate_step_counts
from rec_jax.codec.container import EMBEDDED, LOSSLESS
from rec_jax.codec.learned import Learned
from rec_jax.codec.lossless import GROUP
from rec_jax.codec.tiles import LARGE
from rec_jax.core.errors import CoderOverflow, CorruptFile, UnsupportedImage, WrongModel

SIZES = [(1, 1), (33, 5), (32, 32), (65, 64)]
ONE_LAYER = ((4, 1, 4, 1),)


def kind(blob):
    return container.unpack(blob)[0].kind


def check_round_trip(codec, image, wanted=None):
    blob = codec.compress(image)
    decoded = codec.decompress(blob)
    assert decoded.dtype == image.dtype and decoded.shape == image.shape
    np.testing.assert_array_equal(decoded, image)
    assert wanted is None or kind(blob) == wanted
    return blob


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("size", SIZES)
def test_round_trip_of_any_size_in_colour_and_grey(tiny, size, depth):
    image = smooth_image(*size, depth=depth)
    tiny = dataclasses.replace(tiny, fallback="none")
    for picture in (image, image[..., 1].copy()):
        check_round_trip(tiny, picture, LOSSLESS)


def test_a_picture_of_several_groups_of_tiles(tiny):
    """Latents of a group stand before the pixels of the group before it; the last group and tile are not full."""
    image = smooth_image(3, 17 * LARGE + 5)
    assert -(-image.shape[1] // LARGE) > GROUP
    check_round_trip(dataclasses.replace(tiny, fallback="none"), image, LOSSLESS)


def test_progress_is_told_while_coding(tiny):
    told = [], []
    blob = tiny.compress(smooth_image(65, 64), lambda *x: told[0].append(x))
    tiny.decompress(blob, lambda *x: told[1].append(x))
    assert told[0][-1] == told[1][-1] == (2, 2)


@pytest.mark.parametrize("what", ["noise", "black", "white", "one colour", "checkerboard"])
def test_pictures_that_no_model_expects(tiny, what):
    image = np.zeros((32, 32, 3), np.uint8)
    match what:
        case "noise":
            image = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)
        case "white":
            image += 255
        case "one colour":
            image += np.uint8([200, 30, 90])
        case "checkerboard":
            image[np.indices((32, 32)).sum(0) % 2 == 0] = 255
    for fallback in ("smallest", "raw", "none"):
        blob = check_round_trip(dataclasses.replace(tiny, fallback=fallback), image)
        assert fallback == "none" or len(blob) <= image.nbytes + 14
        assert fallback != "smallest" or what == "noise" or len(blob) < 200


def test_a_smooth_picture_is_smaller_than_its_pixels(tiny):
    image = smooth_image(32, 32)
    assert len(check_round_trip(tiny, image, LOSSLESS)) < 0.9 * image.nbytes


def test_transposed_and_read_only_arrays_are_taken(tiny):
    image = smooth_image(16, 24).transpose(1, 0, 2)
    image.flags.writeable = False
    check_round_trip(tiny, image)


@pytest.mark.parametrize("shape", [(0, 5, 3), (4, 4, 4), (4,), (2, 4, 4, 3)])
def test_other_shapes_are_refused(tiny, shape):
    with pytest.raises(UnsupportedImage):
        tiny.compress(np.zeros(shape, np.uint8))
    with pytest.raises(UnsupportedImage, match="float64"):
        tiny.compress(np.zeros((4, 4, 3)))


def test_the_parts_are_the_file(tiny):
    images = [smooth_image(32, 32, seed) for seed in range(2)] + [smooth_image(20, 19)[..., 0]]
    for e in tiny.encode(images):
        assert e.kind == LOSSLESS
        parts = e.header_bits + e.index_bits + e.side_bits + e.pixel_bits
        assert abs(8 * len(e.blob) - parts) <= 64 + 1e-3 * parts
        assert min(e.index_bits, e.side_bits, e.kl_bits) > 0
        assert e.header_bits <= 112
        assert 0.5 * e.kl_bits < e.index_bits < 2.5 * e.kl_bits
        assert abs(e.pixel_bits - e.ideal_pixel_bits) < 0.01 * e.pixel_bits


def test_files_of_a_batch_are_in_order_and_of_any_mix(tiny):
    images = [smooth_image(32, 32, 1), smooth_image(40, 33, 2), smooth_image(5, 5, 3)[..., 0], smooth_image(32, 32, 4)]
    for image, e in zip(images, tiny.encode(images), strict=True):
        np.testing.assert_array_equal(tiny.decompress(e.blob), image)
    assert tiny.encode([]) == []


def test_a_file_is_the_same_every_time(tiny):
    assert tiny.compress(smooth_image(32, 32)) == tiny.compress(smooth_image(32, 32))


def test_an_overflow_is_answered_by_smaller_blocks():
    """A coder that no layer of the model fits, unless its blocks are 32 times smaller."""
    narrow, image = tiny_codec(ONE_LAYER, fallback="none", block_size=256, max_nats=8.0), smooth_image(32, 32)
    assert container.unpack(check_round_trip(narrow, image, LOSSLESS))[0].method & 15 == 5


def test_one_block_per_layer_overflows_to_a_classical_format():
    """Blocks that are whole layers cannot be made smaller."""
    codec, image = tiny_codec(ONE_LAYER, block_size=None, max_nats=3.0), smooth_image(32, 32)
    check_round_trip(codec, image, EMBEDDED)
    with pytest.raises(CoderOverflow, match="more nats than the coder admits"):
        dataclasses.replace(codec, fallback="none").compress(image)


def test_an_inference_network_of_nan_gives_a_classical_file(tiny):
    stored, image = tiny.package.stored, smooth_image(32, 32)
    nan = [dict(conv, w=conv["w"] * np.nan) for conv in stored["down_sample"]]
    broken = with_package(tiny, stored=stored | {"down_sample": nan})
    e = broken.encode([image])[0]
    assert (e.kind, kind(e.blob)) == (EMBEDDED, EMBEDDED)
    assert len(e.blob) <= image.nbytes + 14
    np.testing.assert_array_equal(broken.decompress(e.blob), image)


def test_embedded_files_need_no_model_of_their_own(tiny):
    blob = tiny.compress(np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8))
    assert kind(blob) == EMBEDDED and container.unpack(blob)[0].model_id == 0
    np.testing.assert_array_equal(with_package(tiny, model_id=1).decompress(blob), tiny.decompress(blob))


@pytest.fixture(scope="module")
def blob(tiny):
    return tiny.compress(smooth_image(24, 32))


def rewritten(blob, **fields):
    """The same file with other header fields and a correct check."""
    header, stream = container.unpack(blob)
    return container.pack(dataclasses.replace(header, **fields), stream)


def test_another_model_is_refused_by_its_id(tiny, blob):
    with pytest.raises(WrongModel, match=f"{MODEL_ID:04x}.*0001"):
        with_package(tiny, model_id=1).decompress(blob)


def test_another_preset_is_refused_by_name(tiny, blob):
    with pytest.raises(WrongModel, match="preset default; this codec has custom"):
        tiny.decompress(rewritten(blob, method=0x10))


@pytest.mark.parametrize("split", [1, 4, 6, 15])
def test_splits_that_no_encoder_writes_are_refused(tiny, blob, split):
    with pytest.raises(CorruptFile, match="halved"):
        tiny.decompress(rewritten(blob, method=container.unpack(blob)[0].method | split))


def test_other_weights_never_give_a_picture(tiny, blob):
    with pytest.raises(CorruptFile):
        with_other_weights(tiny).decompress(blob)


@pytest.mark.parametrize("fields", [dict(pixel_crc32=1), dict(height=32, width=24), dict(grey=True), dict(depth=16)])
def test_another_header_with_a_right_check_gives_no_picture(tiny, blob, fields):
    with pytest.raises(CorruptFile):
        tiny.decompress(rewritten(blob, **fields))


def test_a_picture_turned_by_its_header_alone_is_refused(tiny):
    """Of one colour, its pixels are the same in either shape; the checksum is of the shape too."""
    codec = dataclasses.replace(tiny, fallback="smallest")
    blob = codec.compress(np.full((24, 32, 3), 77, np.uint8))
    with pytest.raises(CorruptFile):
        codec.decompress(rewritten(blob, height=32, width=24))


def test_files_of_version_1_are_refused_by_name(tiny, blob):
    with pytest.raises(container.UnsupportedVersion, match="version 1.*compress it again"):
        tiny.decompress(blob[:2] + bytes([0x11]) + blob[3:])


@pytest.fixture(scope="module")
def images():
    return np.stack([smooth_image(32, 32, seed) for seed in range(20)])


def test_learned_step_counts_make_smaller_files(tiny, images):
    learned = calibrate(tiny.package, images[:16])
    assert len(learned.step_counts) == len(learned.shares) == 2
    package = dataclasses.replace(tiny.package, learned=learned)
    assert learned.step_counts == calibrate_step_counts(package, images[:16])
    codecs = [with_package(tiny, learned=have) for have in (learned, Learned(shares=learned.shares))]
    side_bits = [sum(e.side_bits for e in codec.encode(list(images[16:]))) for codec in codecs]
    assert side_bits[0] < side_bits[1]


def test_padding_costs_no_latents(tiny):
    """One more row and column make three more tiles, of which nearly all is padding."""
    image = smooth_image(65, 65)
    square, larger = tiny.encode([image[:64, :64]])[0], tiny.encode([image])[0]
    np.testing.assert_array_equal(tiny.decompress(larger.blob), image)
    assert square.kl_bits < larger.kl_bits < 1.3 * square.kl_bits
    assert larger.pixel_bits < 1.1 * square.pixel_bits


def test_programs_that_are_kept_make_the_same_file(tiny):
    called = []

    def run(program, *args):
        called.append(program.name.rpartition(".")[2])
        return program(*args)

    image = smooth_image(32, 32)
    assert dataclasses.replace(tiny, programs=run).compress(image) == tiny.compress(image)
    assert called == ["infer", "_search_layer", "_search_layer"]

"""The container: layout, round trips, and that no damage gets through or costs memory."""

import dataclasses
import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import rec_jax
from rec_jax.codec import container
from rec_jax.codec.container import EMBEDDED, LOSSLESS, Header
from rec_jax.core.errors import ConfigError, CorruptFile, UnsupportedImage, UnsupportedVersion
from tests.fuzzing import n_examples

GOLDEN_HEADER = Header(32, 32, False, 8, LOSSLESS, 0x21, 0xABCD, 0xDEADBEEF)
GOLDEN = "ce522437bd21cdabefbeadde202073747265616d"


def random_image(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def valid(data):
    """The bytes of a file with the check that they should have."""
    return data[:3] + container._check(data).to_bytes(2, "little") + data[5:]


headers = st.builds(
    Header,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    grey=st.booleans(),
    depth=st.sampled_from([8, 16]),
    kind=st.sampled_from([EMBEDDED, LOSSLESS]),
    method=st.integers(0, 255),
    model_id=st.integers(0, 2**16 - 1),
    pixel_crc32=st.integers(0, 2**32 - 1),
)


def test_golden_bytes():
    data = container.pack(GOLDEN_HEADER, b"stream")
    assert data.hex() == GOLDEN
    assert container.unpack(bytes.fromhex(GOLDEN)) == (GOLDEN_HEADER, b"stream")


def test_header_of_a_small_image_has_14_bytes():
    assert len(container.pack(GOLDEN_HEADER, b"")) == 14


@given(headers, st.binary(min_size=12, max_size=80))
def test_round_trip(header, stream):
    assert container.unpack(container.pack(header, stream)) == (header, stream)


@settings(max_examples=n_examples(200))
@given(st.data())
def test_any_mutation_raises_or_is_no_mutation(data):
    header, stream = data.draw(headers), data.draw(st.binary(min_size=12, max_size=40))
    blob = container.pack(header, stream)
    mutated = bytearray(blob)
    match data.draw(st.sampled_from(["flip", "overwrite", "truncate", "append", "swap"])):
        case "flip":
            mutated[data.draw(st.integers(0, len(blob) - 1))] ^= 1 << data.draw(st.integers(0, 7))
        case "overwrite":
            start = data.draw(st.integers(0, len(blob) - 1))
            mutated[start : start + 2] = data.draw(st.binary(min_size=1, max_size=2))
        case "truncate":
            del mutated[data.draw(st.integers(0, len(blob) - 1)) :]
        case "append":
            mutated += data.draw(st.binary(min_size=1, max_size=8))
        case "swap":
            i, j = data.draw(st.integers(0, len(blob) - 1)), data.draw(st.integers(0, len(blob) - 1))
            mutated[i], mutated[j] = mutated[j], mutated[i]
    assert_refused_or_consistent(blob, bytes(mutated))


@settings(max_examples=n_examples(150))
@given(st.binary(max_size=60), st.booleans())
def test_foreign_bytes(tail, with_magic):
    data = b"\xceR\x24" + tail if with_magic else tail
    assert_refused_or_consistent(b"", data)


@settings(max_examples=n_examples(150))
@given(st.binary(min_size=11, max_size=60))
def test_forged_headers(fields):
    """Bytes with a valid check, as only malice makes them: refused, or a header within its bounds."""
    forged = valid(b"\xceR" + bytes([0x20 | fields[0] & 15]) + b"\0\0" + fields[1:])
    try:
        header, stream = container.unpack(forged)
    except (CorruptFile, UnsupportedVersion):
        return
    assert container.pack(header, stream) == forged
    assert header.height * header.width <= (2**16 + 2**12 * len(stream) if header.kind == LOSSLESS else 2**28)


def assert_refused_or_consistent(original, data):
    """A 16-bit check lets 1 random change in 65,536 through; the CRC of the pixels is for those."""
    if data == original:
        return
    try:
        header, stream = container.unpack(data)
    except (CorruptFile, UnsupportedVersion) as error:
        assert "\n" not in str(error)
    else:
        assert container.pack(header, stream) == data


@pytest.mark.parametrize("position", range(len(GOLDEN) // 2))
@pytest.mark.parametrize("bit", range(8))
def test_every_bit_flip_is_found(position, bit):
    data = bytearray.fromhex(GOLDEN)
    data[position] ^= 1 << bit
    with pytest.raises((CorruptFile, UnsupportedVersion)):
        container.unpack(bytes(data))


@pytest.mark.parametrize("length", range(len(GOLDEN) // 2))
def test_every_truncation_is_found(length):
    with pytest.raises(CorruptFile):
        container.unpack(bytes.fromhex(GOLDEN)[:length])


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"", CorruptFile, "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), CorruptFile, "not a .rec file"),
        (b"\xceR", CorruptFile, "truncated"),
        (b"\xceR\x3f" + bytes(30), UnsupportedVersion, "version 3; this program reads 2: update rec_jax"),
        (b"\xceR\x11" + bytes(30), UnsupportedVersion, "version 1.*rec_jax 0.1 and the jax"),
        (b"\xceR\x24" + bytes(30), CorruptFile, "damaged"),
        (valid(b"\xceR\x2c" + bytes(9) + b"\x20\x20"), UnsupportedVersion, "of a kind that this program does not"),
    ],
)
def test_messages(data, error, words):
    with pytest.raises(error, match=words):
        container.unpack(data)


def test_streams_too_short_for_their_picture_are_filled_up():
    header = Header(2000, 2000, False, 8, LOSSLESS, 0, 0, 0)
    read, stream = container.unpack(container.pack(header, b"all black"))
    assert read == header and stream.rstrip(b"\0") == b"all black" and len(stream) == 961
    with pytest.raises(CorruptFile, match="cannot hold"):
        container.unpack(forge(0x24, b"\xd0\x0f\xd0\x0f", stream[:-1]))


def forge(flags, size_bytes, stream):
    """A file with a valid check and any header."""
    return valid(container._FIXED.pack(b"\xceR", flags, 0, 0, 0, 0) + size_bytes + stream)


@pytest.mark.parametrize(
    ("size_bytes", "stream"),
    [
        (b"\xff\xff\xff\xff\x0f" * 2, bytes(1000)),  # (2^32 - 1)^2
        (b"\x80\x80\x80\x80\x01\x01", bytes(1000)),  # 2^28 x 1 in 1,000 bytes
        (b"\x80\x80\x80\x80\x02\x01", bytes(2**18)),  # 2^29 x 1
        (b"\0\x20", bytes(100)),  # no rows
        (b"\x80\0\x20", bytes(100)),  # a zero of two bytes
        (b"\xa0\0\x20", bytes(100)),  # 32 in two bytes
        (b"\xff" * 20, b""),  # a number without end
        (b"\x20\x80", b""),  # a number cut short
    ],
)
@pytest.mark.parametrize("flags", [0x24, 0x25, 0x26, 0x27])
def test_impossible_sizes_are_refused_without_memory(flags, size_bytes, stream):
    data = forge(flags, size_bytes, stream)
    tracemalloc.start()
    with pytest.raises(CorruptFile):
        container.unpack(data)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("flags", [0x2C, 0x2D, 0x2E, 0x2F])
def test_what_a_later_program_may_write(flags):
    with pytest.raises(UnsupportedVersion, match="update"):
        container.unpack(forge(flags, b"\x20\x20", bytes(100)))


def test_pack_refuses_what_unpack_would():
    with pytest.raises(CorruptFile, match="holds 1 to"):
        container.pack(Header(2**14 + 1, 2**14, False, 8, LOSSLESS, 0, 0, 0), b"x")
    right = dict(height=2, width=2, grey=False, depth=8, kind=LOSSLESS, method=0, model_id=0, pixel_crc32=0)
    for wrong in [dict(method=256), dict(depth=12), dict(kind=3), dict(model_id=2**16), dict(pixel_crc32=-1)]:
        with pytest.raises(ValueError, match="must fit|not of a .rec file"):
            Header(**right | wrong)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4)),
        np.zeros((4, 4), np.int16),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4), np.uint8),
    ],
)
def test_arrays_that_are_no_picture(image):
    with pytest.raises(UnsupportedImage):
        container.image_header(image, LOSSLESS)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(4, 6, 3), (4, 6)])
def test_the_pixel_checksum_covers_pixels_shape_and_depth(shape, dtype):
    image = random_image(*shape).astype(dtype)
    header = container.image_header(image, LOSSLESS)
    assert (header.shape, header.dtype) == (shape, dtype)
    container.check_pixels(header, image)
    for wrong in (image ^ 1, image[:2], image[..., 0], image.astype(np.uint8 if dtype == np.uint16 else np.uint16)):
        with pytest.raises(CorruptFile, match="checksum"):
            container.check_pixels(header, wrong)
    turned = image.reshape(6, 4, *shape[2:])
    with pytest.raises(CorruptFile, match="checksum"):  # though the bytes are the same
        container.check_pixels(dataclasses.replace(header, height=6, width=4), turned)


def test_the_pixel_checksum_does_not_depend_on_the_arrays_layout():
    image = random_image(8, 9, 3).astype(np.uint16) * 257
    for same in (image.astype(">u2"), image[::1], np.asfortranarray(image)):
        assert container.pixel_crc32(same) == container.pixel_crc32(image)


def test_a_file_is_whatever_holds_its_bytes():
    blob = bytes.fromhex(GOLDEN)
    for same in (blob, bytearray(blob), memoryview(blob), np.frombuffer(blob, np.uint8)):
        assert container.as_bytes(same) == blob
    for other in ("a.rec", None, 5, [206, 82], io.BytesIO(blob)):
        with pytest.raises(ConfigError, match=f"a {type(other).__name__} holds no bytes; give those of a .rec file"):
            rec_jax.decode(other)


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        *((mode, r"image.convert\('RGB'\)") for mode in ("P", "YCbCr", "HSV", "LAB", "CMYK", "RGBA", "RGBX", "PA")),
        *((mode, r"image.convert\('L'\)") for mode in ("1", "LA", "F")),
        ("I", r"image.convert\('I;16'\)"),
        ("I;16B", r"numpy.asarray\(image\).astype\('uint16'\)"),
    ],
)
def test_pillow_images_whose_numbers_are_not_their_colours(mode, wanted):
    with pytest.raises(UnsupportedImage, match=f"of mode {mode}; give one of RGB, L, I;16, as {wanted} is"):
        container.checked_image(Image.new(mode, (4, 3)))


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_pillow_images_that_are_taken(mode):
    image = Image.new(mode, (4, 3), 7)
    np.testing.assert_array_equal(container.checked_image(image), np.asarray(image))


def test_pillow_images_of_several_frames_or_turned():
    frames, file = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")], io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    several = Image.open(file)
    with pytest.raises(UnsupportedImage, match=r"2 frames; give one, as image.copy\(\) is"):
        container.checked_image(several)
    np.testing.assert_array_equal(container.checked_image(several.copy()), np.asarray(frames[0]))
    for orientation in range(10):
        frames[0].getexif()[0x0112] = orientation
        if 2 <= orientation <= 8:
            with pytest.raises(UnsupportedImage, match=f"orientation {orientation}; give PIL.ImageOps.exif_transpose"):
                container.checked_image(frames[0])
        else:
            container.checked_image(frames[0])
    damaged = Image.new("RGB", (4, 3))
    damaged.info["exif"] = b"no exif"
    container.checked_image(damaged)


def test_a_pillow_image_of_a_closed_file_is_taken(tmp_path):
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(greys).save(tmp_path / "x.gif")
    with Image.open(tmp_path / "x.gif") as image:
        image.load()
    np.testing.assert_array_equal(container.checked_image(image), greys)

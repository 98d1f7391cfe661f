"""The container: layout, round trips, and that no damage gets through or costs memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rec_jax.codec import container
from rec_jax.codec.container import CUSTOM_PRESET, LATENT, STORED, Header
from rec_jax.core.errors import BitstreamMismatch, CorruptFile, UnsupportedImage, UnsupportedVersion

GOLDEN_HEADER = Header(
    32,
    32,
    False,
    LATENT,
    0xDEADBEEF,
    preset=2,
    split=1,
    model_id=0xABCD,
    runtime=container.runtime_code("0.12.0", "cpu"),
)
GOLDEN = "ce5211de7d21cdab010cefbeadde202073747265616d"


def random_image(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


headers = st.builds(
    Header,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    grey=st.booleans(),
    mode=st.just(LATENT),
    pixel_crc32=st.integers(0, 2**32 - 1),
    preset=st.sampled_from([0, 1, 2, CUSTOM_PRESET]),
    split=st.integers(0, 15),
    model_id=st.integers(0, 2**16 - 1),
    runtime=st.integers(0, 2**16 - 1),
)


def test_golden_bytes():
    data = container.pack(GOLDEN_HEADER, b"stream")
    assert data.hex() == GOLDEN
    assert container.unpack(bytes.fromhex(GOLDEN)) == (GOLDEN_HEADER, b"stream")


def test_header_of_a_small_image_has_16_bytes():
    assert len(container.pack(GOLDEN_HEADER, b"")) == 16


@given(headers, st.binary(min_size=12, max_size=80))
def test_round_trip(header, stream):
    assert container.unpack(container.pack(header, stream)) == (header, stream)


@settings(max_examples=2000, deadline=None)
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


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60), st.booleans())
def test_foreign_bytes(tail, with_magic):
    data = b"\xceR\x11" + tail if with_magic else tail
    assert_refused_or_consistent(b"", data)


@settings(max_examples=500, deadline=None)
@given(st.binary(min_size=11, max_size=60))
def test_forged_headers(fields):
    """Bytes with a valid check, as only malice makes them: refused, or a header within its bounds."""
    forged = bytearray(b"\xceR\x10\0\0" + fields)
    forged[2] |= fields[0] & 3
    forged[3:5] = container._check(bytes(forged)).to_bytes(2, "little")
    try:
        header, stream = container.unpack(bytes(forged))
    except (CorruptFile, UnsupportedVersion):
        return
    assert container.pack(header, stream) == bytes(forged)
    assert header.height * header.width <= 2**16 + 2**12 * len(stream)


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
        (b"\xceR\x2f" + bytes(30), UnsupportedVersion, "version 2"),
        (b"\xceR\x11" + bytes(30), CorruptFile, "damaged"),
    ],
)
def test_messages(data, error, words):
    with pytest.raises(error, match=words):
        container.unpack(data)


def test_streams_too_short_for_their_picture_are_filled_up():
    header = Header(2000, 2000, False, LATENT, 0)
    read, stream = container.unpack(container.pack(header, b"all black"))
    assert read == header and stream.rstrip(b"\0") == b"all black" and len(stream) == 961
    with pytest.raises(CorruptFile, match="cannot hold"):
        container.unpack(forge(0x11, b"\xd0\x0f\xd0\x0f", stream[:-1]))


def forge(flags, size_bytes, stream, coder=0):
    """A file with a valid check and any header."""
    data = bytearray(container._FIXED.pack(b"\xceR", flags, 0, coder, 0, 0, 0) + size_bytes + stream)
    data[3:5] = container._check(bytes(data)).to_bytes(2, "little")
    return bytes(data)


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
@pytest.mark.parametrize("flags", [0x10, 0x11, 0x12, 0x13])
def test_impossible_sizes_are_refused_without_memory(flags, size_bytes, stream):
    data = forge(flags, size_bytes, stream)
    tracemalloc.start()
    with pytest.raises(CorruptFile):
        container.unpack(data)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(("flags", "coder"), [(0x15, 0), (0x19, 0), (0x11, 0x40), (0x11, 0xE0)])
def test_what_a_later_program_may_write(flags, coder):
    with pytest.raises(UnsupportedVersion, match="update"):
        container.unpack(forge(flags, b"\x20\x20", bytes(100), coder))


def test_pack_refuses_what_unpack_would():
    with pytest.raises(CorruptFile, match="holds 1 to"):
        container.pack(Header(2**14 + 1, 2**14, False, LATENT, 0), b"x")
    with pytest.raises(CorruptFile, match="bytes follow"):
        container.pack(Header(2, 2, False, STORED, 0), b"x")
    for wrong in [dict(split=16), dict(preset=16), dict(model_id=2**16), dict(runtime=-1), dict(mode=2)]:
        with pytest.raises(ValueError, match="must fit|give a mode"):
            Header(**{"height": 2, "width": 2, "grey": False, "mode": LATENT, "pixel_crc32": 0, **wrong})


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (1, 1, 3), (200, 130, 3), (3, 20000)])
def test_stored_mode(shape):
    image = random_image(*shape)
    data = container.pack_stored(image)
    assert len(data) <= image.nbytes + 22
    header, stream = container.unpack(data)
    assert header.shape == shape and header.mode == STORED
    np.testing.assert_array_equal(container.unpack_stored(header, stream), image)
    forged = bytearray(data)
    forged[-1] ^= 1
    forged[3:5] = container._check(bytes(forged)).to_bytes(2, "little")
    with pytest.raises(CorruptFile, match="pixels"):
        container.unpack_stored(*container.unpack(bytes(forged)))


def test_stored_mode_of_a_view():
    image = random_image(8, 9, 3).transpose(1, 0, 2)[::2]
    np.testing.assert_array_equal(container.unpack_stored(*container.unpack(container.pack_stored(image))), image)


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((4,), np.uint8), np.zeros((0, 4), np.uint8)],
)
def test_arrays_that_are_no_picture(image):
    with pytest.raises(UnsupportedImage):
        container.image_header(image, mode=LATENT)


def test_check_pixels_names_both_runtimes(monkeypatch):
    image = random_image(4, 4, 3)
    header = container.image_header(image, mode=LATENT, runtime=container.runtime_code("0.11.2", "gpu"))
    container.check_pixels(header, image)
    monkeypatch.setattr(container, "current_runtime", lambda: container.runtime_code("0.12.0.1", "cpu"))
    for wrong in (image ^ 1, image[:2], image[..., 0]):
        with pytest.raises(BitstreamMismatch, match=r"jax 0.11.2 on gpu and read by jax 0.12.0 on cpu"):
            container.check_pixels(header, wrong)


@pytest.mark.parametrize(
    ("version", "platform", "name"),
    [
        ("0.10.2", "cpu", "jax 0.10.2 on cpu"),
        ("0.12.0.1", "gpu", "jax 0.12.0 on gpu"),
        ("0.11.0rc1", "tpu", "jax 0.11.0 on tpu"),
        ("0.13.0.dev20261122+abc", "cpu", "jax 0.13.0 on cpu"),
        ("1.20.7", "METAL", "jax 1.20.7 on other"),
        ("1.99.99", "tpu", "jax 1.63.31 on tpu"),
    ],
)
def test_runtime_codes(version, platform, name):
    code = container.runtime_code(version, platform)
    assert 0 < code < 2**16
    assert container.runtime_name(code) == name


@given(st.integers(0, 2**16 - 1))
def test_every_runtime_code_has_a_name(code):
    assert container.runtime_name(code)


def test_current_runtime_is_this_jax():
    import jax

    assert jax.__version__.startswith(container.runtime_name(container.current_runtime()).split()[1])

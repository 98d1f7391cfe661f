"""The classical formats inside a file: exact, never larger than PNG or the pixels, safe on forged bytes."""

import io
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

from rec_jax.codec import fallback, webp
from rec_jax.codec.fallback import LZMA, PNG, RAW, WEBP, smallest, unpack
from rec_jax.codec.image_io import png_bytes
from rec_jax.core.errors import CorruptFile, UnsupportedImage

RNG = np.random.default_rng(0)
Y, X = np.mgrid[:48, :64]
PALETTE = RNG.integers(0, 256, (6, 3), np.uint8)
LETTERS = np.kron(RNG.integers(0, 2, (12, 16)) * 255, np.ones((4, 4))).astype(np.uint8)
PICTURES = {
    "flat": np.full((48, 64, 3), 7, np.uint8),
    "gradient": np.stack([X, Y, X + Y], axis=2).astype(np.uint8),
    "checkerboard": ((X // 4 + Y // 4) % 2 * 255).astype(np.uint8),
    "letters": LETTERS,
    "noise": RNG.integers(0, 256, (48, 64, 3), np.uint8),
    "palette": PALETTE[RNG.integers(0, 6, (48, 64))],
    "pixel": np.full((1, 1, 3), 5, np.uint8),
    "grey pixel": np.full((1, 1), 5, np.uint8),
    "row": np.arange(200, dtype=np.uint8)[None],
    "column": np.arange(200, dtype=np.uint8)[:, None],
    "deep ramp": (X * 300 + Y * 7).astype(np.uint16),
    "deep copy of 8 bits": PALETTE[RNG.integers(0, 6, (48, 64))].astype(np.uint16) * 257,
    "deep noise": RNG.integers(0, 65536, (20, 30, 3)).astype(np.uint16),
    "deep pixel": np.full((1, 1, 3), 12345, np.uint16),
}
PACKERS = {WEBP: fallback._pack_webp, PNG: fallback._pack_png, LZMA: fallback._pack_lzma}


def kinds_of(image):
    raw = fallback._planes(image, interleaved=True).tobytes()
    return {RAW: raw} | {kind: pack(image) for kind, pack in PACKERS.items()}


@pytest.mark.parametrize("image", PICTURES.values(), ids=PICTURES)
def test_every_kind_is_exact_and_the_smallest_is_taken(image):
    packed = kinds_of(image)
    kind, payload = smallest(image)
    assert len(payload) == min(map(len, packed.values())) <= image.nbytes and payload == packed[kind]
    assert len(payload) < len(png_bytes(image)) - 40  # nothing of a container
    for kind, payload in packed.items():
        for filled_up in (payload, payload + bytes(5)):
            read = unpack(kind, filled_up, image.shape, image.dtype)
            assert read.dtype == image.dtype
            np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize(
    ("name", "kind", "n_bytes"),
    [("flat", WEBP, 20), ("gradient", WEBP, 60), ("checkerboard", WEBP, 40), ("letters", WEBP, 110), ("pixel", RAW, 3)],
)
def test_what_a_model_does_worst_takes_a_few_bytes(name, kind, n_bytes):
    found, payload = smallest(PICTURES[name])
    assert found == kind and len(payload) <= n_bytes


@pytest.fixture
def tried(monkeypatch):
    """The settings of WebP that are tried from here on."""
    found, pack = [], webp.pack
    monkeypatch.setattr(webp, "pack", lambda planes, *setting: found.append(setting) or pack(planes, *setting))
    return found


@pytest.mark.parametrize(
    ("image", "slowest"),
    [
        (PICTURES["noise"], True),
        (np.tile(LETTERS, (6, 6)), True),
        (RNG.integers(0, 99, (200, 400, 3), np.uint8), False),
    ],
    ids=["small", "large and few bytes", "large and many bytes"],
)
def test_the_slowest_webp_is_tried_where_it_is_quick_or_may_gain(tried, image, slowest):
    smallest(image.astype(np.uint8))
    assert ((6, 100) in tried) == slowest and (4, 75) in tried


def test_a_large_picture_of_few_bytes_is_done_at_once(tried, monkeypatch):
    monkeypatch.setattr(fallback, "_pack_lzma", None)  # would be an error
    kind, payload = smallest(np.full((300, 300, 3), 9, np.uint8))
    assert kind == WEBP and len(payload) <= webp.FEW_BYTES and (6, 100) not in tried


@pytest.mark.parametrize("image", PICTURES.values(), ids=PICTURES)
def test_a_quick_look_is_exact_and_no_smaller(image):
    kind, payload = fallback.quick(image)
    assert len(smallest(image, (kind, payload))[1]) <= len(payload) <= image.nbytes
    np.testing.assert_array_equal(unpack(kind, payload, image.shape, image.dtype), image)


def test_sides_beyond_those_of_webp():
    long = np.tile(np.arange(200, dtype=np.uint8), 100)[None]
    assert fallback._pack_webp(long) is None
    kind, payload = smallest(long)
    assert len(payload) < 600
    np.testing.assert_array_equal(unpack(kind, payload, long.shape), long)
    with pytest.raises(CorruptFile, match="cannot be"):
        unpack(WEBP, payload, long.shape)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_quick_look_beyond_the_sides_of_webp_is_no_worse_than_a_long_one(monkeypatch, dtype):
    stripes = np.repeat(np.arange(17000, dtype=dtype)[:, None] // 20 % 2 * 200, 8, axis=1)
    found = fallback.quick(stripes)
    assert len(found[1]) < 300 and found == smallest(stripes)
    np.testing.assert_array_equal(unpack(*found, stripes.shape, dtype), stripes)
    monkeypatch.setattr(fallback, "_pack_lzma", None)  # nothing is done twice
    assert smallest(stripes, found) == found


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.float32), np.zeros((4, 4, 4), np.uint8), np.zeros(4, np.uint8)])
def test_other_arrays_are_refused(image):
    with pytest.raises(UnsupportedImage, match="give uint8 or uint16"):
        smallest(image)


@pytest.mark.parametrize("kind", [RAW, WEBP, PNG, LZMA, 4])
@pytest.mark.parametrize("name", ["gradient", "letters", "deep ramp"])
def test_forged_payloads(kind, name):
    """Other pixels are for the checksum to find; anything else is CorruptFile."""
    image = PICTURES[name]
    payload = kinds_of(image).get(kind, b"x" * 50)
    forged = [b"", b"\0", payload[:-1], payload[: len(payload) // 2], bytes(40), b"\xff" * 40, RNG.bytes(60)]
    forged += [
        payload[:place] + bytes([payload[place] ^ 1 << RNG.integers(8)]) + payload[place + 1 :]
        for place in RNG.integers(0, len(payload), 60)
    ]
    for data in forged:
        try:
            read = unpack(kind, data, image.shape, image.dtype)
        except CorruptFile as error:
            assert str(error).startswith("the file is damaged") or "damaged" in str(error)
            assert "\n" not in str(error)
        else:
            assert read.shape == image.shape and read.dtype == image.dtype
    other = (image.shape[0] + 1, *image.shape[1:])
    if kind in (RAW, PNG, LZMA):
        with pytest.raises(CorruptFile):
            unpack(kind, payload, other, image.dtype)


def test_a_grey_picture_of_coloured_pixels_is_forged():
    payload = fallback._pack_webp(PICTURES["gradient"])
    with pytest.raises(CorruptFile, match="grey pixels have a colour"):
        unpack(WEBP, payload, (48, 64))


@pytest.mark.parametrize("kind", [PNG, LZMA])
def test_a_bomb_stops_at_the_shape(kind):
    """Nine megabytes of zeros behind a small payload is never unpacked."""
    bomb = PACKERS[kind](np.zeros((3000, 3000), np.uint8))
    tracemalloc.start()
    try:
        np.testing.assert_array_equal(unpack(kind, bomb, (8, 9)), 0)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_it_needs_no_jax():
    code = "import sys, rec_jax.codec.fallback; print('jax' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def test_the_written_webp_is_one_that_others_read():
    image = PICTURES["gradient"]
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", lossless=True, exact=True, quality=100, method=6)
    assert len(fallback._pack_webp(image)) <= len(buffer.getvalue()) - 25

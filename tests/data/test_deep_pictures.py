"""16 bits per colour are read to the last bit, or refused where only 8 are wanted."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from rec_jax.codec.image_io import png_bytes
from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.image_files import decode_image

RNG = np.random.default_rng(0)
DEEP = RNG.integers(0, 65536, (70, 9, 3), np.uint16)
GREY = DEEP[..., 0].copy()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def raw_png(image, colour_type):
    """Rows without a filter: what a test can be sure of."""
    rows = image.astype(">u2").reshape(len(image), -1)
    header = struct.pack(">IIBBBBB", image.shape[1], len(image), 16, colour_type, 0, 0, 0)
    stream = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def with_alpha(image, alpha=65535):
    return np.concatenate([image.reshape(*image.shape[:2], -1), np.full((*image.shape[:2], 1), alpha, np.uint16)], 2)


@pytest.mark.parametrize(("image", "colour_type"), [(GREY, 0), (DEEP, 2), (with_alpha(GREY), 4), (with_alpha(DEEP), 6)])
def test_png(image, colour_type):
    wanted = GREY if colour_type in (0, 4) else DEEP
    read = decode_image(raw_png(image, colour_type), "x", deep=True)
    assert read.dtype == np.uint16
    np.testing.assert_array_equal(read, wanted)
    with pytest.raises(UnsupportedImage, match="x has 16 bits per colour"):
        decode_image(raw_png(image, colour_type), "x")


@pytest.mark.parametrize("image", [GREY, DEEP], ids=["grey", "colour"])
def test_transparent_deep_png(image):
    for alpha in (65534, 255):
        with pytest.raises(UnsupportedImage, match="transparent"):
            decode_image(raw_png(with_alpha(image, alpha), 4 if image.ndim == 2 else 6), "x", deep=True)


@pytest.mark.parametrize(
    "image",
    [
        GREY,
        DEEP,
        DEEP[:1, :1],
        GREY[:1],
        (np.arange(90, dtype=np.uint16)[:, None] * 700 + np.arange(40, dtype=np.uint16)),
        np.zeros((130, 3, 3), np.uint16),
    ],
    ids=["grey", "colour", "pixel", "row", "ramp", "flat"],
)
def test_written_png(image):
    """All five filters occur, blocks of rows meet, and Pillow's own reading of the high bytes agrees."""
    data = png_bytes(image)
    np.testing.assert_array_equal(decode_image(data, "x", deep=True), image)
    if image.ndim == 3:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image >> 8)
    else:
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(data))), image)


def test_written_png_is_small():
    ramp = np.arange(200, dtype=np.uint16)[:, None] * 3 + np.arange(300, dtype=np.uint16) * 5
    assert len(png_bytes(ramp)) < ramp.nbytes / 50


def test_damaged_deep_png():
    data = bytearray(png_bytes(DEEP))
    for place in (20, 100, len(data) // 2):
        data[place] ^= 16
        with pytest.raises(CorruptFile):
            decode_image(bytes(data), "x", deep=True)
        data[place] ^= 16


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
@pytest.mark.parametrize("big", [False, True])
def test_tiff(order, compression, photometric, big):
    tifffile = pytest.importorskip("tifffile")
    pytest.importorskip("imagecodecs")
    image, buffer = DEEP if photometric == "rgb" else GREY, io.BytesIO()
    tifffile.imwrite(
        buffer, image, photometric=photometric, byteorder=order, compression=compression, rowsperstrip=16, bigtiff=big
    )
    if big and order == ">":
        with pytest.raises(UnsupportedImage, match="BigTIFF"):
            decode_image(buffer.getvalue(), "x", deep=True)
        return
    wanted = ~image if photometric == "miniswhite" else image
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "x", deep=True), wanted)


def test_tiff_in_tiles_and_with_opaque_alpha():
    tifffile = pytest.importorskip("tifffile")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, DEEP, photometric="rgb", tile=(32, 32), compression="zlib")
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "x", deep=True), DEEP)
    for alpha in (65535, 65280):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, with_alpha(DEEP, alpha), photometric="rgb", extrasamples=["unassalpha"])
        if alpha == 65535:
            np.testing.assert_array_equal(decode_image(buffer.getvalue(), "x", deep=True), DEEP)
        else:
            with pytest.raises(UnsupportedImage, match="transparent"):
                decode_image(buffer.getvalue(), "x", deep=True)


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (np.int16, {}, "signed"),
        (np.int8, {}, "signed"),
        (np.uint32, {}, "32 bits"),
        (np.float16, {}, "floating-point"),
        (np.uint8, {"photometric": "rgb", "extrasamples": ["unspecified"]}, "unknown meaning"),
        (np.uint16, {"photometric": "rgb", "planarconfig": "separate"}, "separate planes"),
    ],
)
def test_tiff_kinds_that_are_refused(kind, options, words):
    tifffile = pytest.importorskip("tifffile")
    shape = (6, 9) if not options else (6, 9, 4) if "extrasamples" in options else (3, 6, 9)
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.ones(shape, kind), **{"photometric": "minisblack"} | options)
    with pytest.raises(UnsupportedImage, match=words):
        decode_image(buffer.getvalue(), "x", deep=True)


def test_netpbm():
    head = b"9 70 # width\n65535\n"
    np.testing.assert_array_equal(decode_image(b"P5 " + head + GREY.astype(">u2").tobytes(), "x", deep=True), GREY)
    np.testing.assert_array_equal(decode_image(b"P6 " + head + DEEP.astype(">u2").tobytes(), "x", deep=True), DEEP)
    text = " ".join(map(str, DEEP.ravel())).encode()
    np.testing.assert_array_equal(decode_image(b"P3 " + head + text + b"\n", "x", deep=True), DEEP)
    with pytest.raises(UnsupportedImage, match="12 bits per colour"):
        decode_image(b"P5 1 1 4095 ab", "x", deep=True)

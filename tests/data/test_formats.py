"""One policy for every format: what metadata may change, and that several pictures in a file are never one."""

import io
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.image_files import decode_image
from rec_jax.data.pixels import turned

COLOUR = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)


def save(kind, image=COLOUR, **options):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(*chunks):
    data = save("PNG")
    return data[:33] + b"".join(chunks) + data[33:]


def jpeg_with(*segments):
    data = save("JPEG", quality=95)
    return data[:2] + b"".join(b"\xff" + m + struct.pack(">H", len(d) + 2) + d for m, d in segments) + data[2:]


def exif(tags, more=b"", exif_tags=(), order="<"):
    """A TIFF structure: (tag, type, count, four bytes) ...; `more` follows, at the offset given by None."""

    def directory(rows, place):
        rows = [struct.pack(order + "HHI", *row[:3]) + (row[3] or struct.pack(order + "I", place)) for row in rows]
        return struct.pack(order + "H", len(rows)) + b"".join(rows) + bytes(4)

    end = 8 + 2 + 12 * (len(tags) + bool(exif_tags)) + 4
    if exif_tags:
        tags = [*tags, (0x8769, 4, 1, struct.pack(order + "I", end))]
        more = directory(exif_tags, 0) + more
    return (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + directory(tags, end) + more


def short(value):
    return struct.pack("<HH", value, 0)


BIG = zlib.compress(b"x" * (2 << 20))
JPEG_PIXELS = np.asarray(Image.open(io.BytesIO(jpeg_with())))


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"zTXt", b"workflow\0\0" + BIG)],
        [chunk(b"zTXt", b"damaged\0\0no zlib stream")],
        [chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + BIG)],
        [chunk(b"tEXt", b"x" * (70 << 20))],
        [chunk(b"eXIf", bytes(8))],
        [chunk(b"tEXt", b"a\0b")[:-1] + b"!"],  # its check is wrong
        [chunk(b"pHYs", b"1"), chunk(b"tIME", b""), chunk(b"gAMA", b"1"), chunk(b"cHRM", b"12"), chunk(b"cICP", b"")],
        [chunk(b"bKGD", bytes(99)), chunk(b"sBIT", b""), chunk(b"hIST", b"x"), chunk(b"sPLT", b"x")],
        [chunk(b"acTL", bytes(3))],
        [chunk(b"gAMA", struct.pack(">I", 0))],
    ],
)
def test_metadata_of_a_png_never_makes_it_unreadable(chunks):
    np.testing.assert_array_equal(decode_image(png_with(*chunks), "x"), COLOUR)


def test_an_icc_profile_of_any_size_can_be_dropped():
    for profile in (zlib.compress(os.urandom(2 << 20)), b"no zlib stream", b""):
        data = png_with(chunk(b"iCCP", b"p\0\0" + profile))
        np.testing.assert_array_equal(decode_image(data, "x", ignore_icc=True), COLOUR)
        with pytest.raises(UnsupportedImage, match="x has an ICC profile"):
            decode_image(data, "x")


@pytest.mark.parametrize(
    "segments",
    [
        [(b"\xe1", b"Exif\0\0garbage!")],
        [(b"\xe1", b"Exif\0\0" + exif([(0x112, 3, 1, short(77))]))],
        [(b"\xe1", b"Exif\0\0" + exif([(0x112, 2, 1, b"abcd")]))],
        [(b"\xe1", b"http://ns.adobe.com/xap/1.0/\0<not xml tiff:Orientation='6'"), (b"\xfe", b"\xff" * 99)],
        [(b"\xed", b"Photoshop 3.0\0" + b"8BIM" + bytes(3)), (b"\xe2", b"MPF\0garbage"), (b"\xe2", b"FPXR\0")],
        [(b"\xe1", b"Exif\0\0II*\0" + struct.pack("<I", 2**32 - 1))],
        [(b"\xe1", b"Exif\0\0II*\0\x08\0\0\0\xff\xff")],
    ],
)
def test_metadata_of_a_jpeg_never_makes_it_unreadable(segments):
    np.testing.assert_array_equal(decode_image(jpeg_with(*segments), "x"), JPEG_PIXELS)


@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_is_read_beside_tags_that_make_no_sense(order):
    value = struct.pack(order + "HH", 6, 0)
    rational = struct.pack(order + "ii", -1, 0)
    block = exif([(0x111, 5, 1, None), (0x112, 3, 1, value), (0x11A, 10, 1, None)], rational, order=order)
    wanted = turned(COLOUR, 6)
    np.testing.assert_array_equal(decode_image(png_with(chunk(b"eXIf", block)), "x"), wanted)
    data = jpeg_with((b"\xe1", b"Exif\0\0" + block))
    np.testing.assert_array_equal(decode_image(data, "x"), turned(JPEG_PIXELS, 6))
    np.testing.assert_array_equal(decode_image(save("WEBP", lossless=True, exif=b"Exif\0\0" + block), "x"), wanted)
    np.testing.assert_array_equal(decode_image(save("WEBP", lossless=True, exif=b"Exif\0\0garbage"), "x"), COLOUR)


ADOBE = exif([], exif_tags=[(0xA001, 3, 1, short(2))])
P3 = struct.pack("<12I", *(n for v in (0.68, 0.32, 0.265, 0.69, 0.15, 0.06) for n in (int(v * 1000), 1000)))
SRGB = struct.pack("<12I", *(n for v in (0.64, 0.33, 0.30, 0.60, 0.15, 0.06) for n in (int(v * 1000 + 0.5), 1000)))


def bmp(space, xyz=(0,) * 9, gamma=(0, 0, 0)):
    """A 24-bit BMP with the header of 108 bytes."""
    data = save("BMP")
    fields = struct.pack("<4I", 0, 0, 0, 0) + struct.pack("<I9i3I", space, *xyz, *gamma)
    size, pixels = 14 + 108 + len(data) - 54, data[54:]
    return b"BM" + struct.pack("<3I", size, 0, 122) + struct.pack("<I", 108) + data[18:54] + fields + pixels


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (png_with(chunk(b"cICP", bytes([9, 16, 0, 1]))), "cICP"),
        (png_with(chunk(b"cICP", bytes([1, 13, 0, 1])), chunk(b"gAMA", struct.pack(">I", 1))), ""),
        (png_with(chunk(b"gAMA", struct.pack(">I", 100_000))), "gAMA"),
        (png_with(chunk(b"gAMA", struct.pack(">I", 45_454))), ""),
        (png_with(chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 100_000))), ""),
        (png_with(chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))), "cHRM"),
        (png_with(chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))), ""),
        (png_with(chunk(b"eXIf", ADOBE)), "Adobe RGB"),
        (jpeg_with((b"\xe1", b"Exif\0\0" + ADOBE)), "Adobe RGB"),
        (jpeg_with((b"\xe1", b"Exif\0\0" + exif([], exif_tags=[(0xA001, 3, 1, short(1))]))), ""),
        (jpeg_with((b"\xe1", b"Exif\0\0" + exif([], exif_tags=[(0xA001, 3, 1, short(0xFFFF))]))), ""),
        (jpeg_with((b"\xe1", b"Exif\0\0" + exif([(0x13F, 5, 6, None)], P3))), "primaries"),
        (jpeg_with((b"\xe1", b"Exif\0\0" + exif([(0x13F, 5, 6, None)], SRGB))), ""),
        (jpeg_with((b"\xe2", b"ICC_PROFILE\0\1\1profile")), "ICC"),
        (save("WEBP", lossless=True, icc_profile=b"profile"), "ICC"),
        (save("WEBP", lossless=True, exif=b"Exif\0\0" + ADOBE), "Adobe RGB"),
        (save("TIFF", icc_profile=b"profile"), "ICC"),
        (save("TIFF", tiffinfo={301: tuple(range(256)) * 3}), "transfer function"),
        (bmp(0x73524742), ""),
        (bmp(0), ""),
        (bmp(0, gamma=(65536, 65536, 65536)), "gamma"),
        (bmp(0, xyz=(2**29, 2**28, 0, 2**28, 2**29, 0, 2**27, 2**26, 2**29)), "calibrated"),
        (bmp(0x4D424544), "ICC"),
    ],
)
def test_colours_that_are_not_srgb_are_refused_in_every_format(data, refused):
    pixels = decode_image(data, "x", ignore_icc=True)
    assert pixels.shape == COLOUR.shape
    if refused:
        with pytest.raises(UnsupportedImage, match=f"{refused}.*--drop-icc"):
            decode_image(data, "x")
    else:
        np.testing.assert_array_equal(decode_image(data, "x"), pixels)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM"])
def test_two_files_in_one_are_two_pictures(kind):
    data = save(kind)
    with pytest.raises(UnsupportedImage, match="several pictures"):
        decode_image(data + data, "x")


@pytest.mark.parametrize(
    ("data", "error", "words"),
    [
        (b"P5 2 1 255\nab\nP5 2 1 255\ncd", UnsupportedImage, "several pictures"),
        (b"P4 2 1\n\0P4 2 1\n\0", UnsupportedImage, "several pictures"),
        (b"P2 2 1 255\n1 2\nP2 2 1 255\n3 4", UnsupportedImage, "several pictures"),
        (b"P1 2 1\n1 0\nP1 2 1\n0 1", UnsupportedImage, "several pictures"),
        (b"P5 2 1 255\nabcdef", CorruptFile, "4 bytes follow"),
        (b"P5 2 1 255\na", CorruptFile, "1 bytes are missing"),
        (b"P5 2 1 15\n\x0f\x10", CorruptFile, "above 15"),
        (b"P2 2 1 255\n1", CorruptFile, "1 values, 2 are due"),
        (b"P2 2 1 255\n1 -2", CorruptFile, "no number"),
        (b"P5 99999999999 1 255\n", CorruptFile, "header"),
        (b"P5 99999 99999 255\n", UnsupportedImage, "too large"),
        (b"P5 0 1 255\n", UnsupportedImage, "no pixel"),
        (b"P7\nWIDTH 1\n", UnsupportedImage, "Netpbm kind P7"),
        (b"Pf 1 1 1.0\n1234", UnsupportedImage, "Netpbm kind Pf"),
    ],
)
def test_netpbm_that_is_refused(data, error, words):
    with pytest.raises(error, match=words):
        decode_image(data, "x")


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"P1 # a comment\n3 1\n101", [[0, 255, 0]]),
        (b"P4 3 1\n\xa0", [[0, 255, 0]]),
        (b"P2\n3 1\n# c\n3\n0 1 3\n", [[0, 85, 255]]),
        (b"P5 3 1 255\n\n \t\n", [[10, 32, 9]]),
        (b"P3 1 1 255 1 2 3", [[[1, 2, 3]]]),
    ],
)
def test_netpbm(data, wanted):
    np.testing.assert_array_equal(decode_image(data, "x"), wanted)


def test_unused_fourth_bytes_of_a_bmp():
    rgba = np.concatenate([COLOUR, np.full((6, 9, 1), 255, np.uint8)], axis=2)
    for fourth, fine in ((0, True), (255, True), (7, False)):
        rgba[..., 3] = fourth
        data = bytearray(save("BMP"))[:54] + rgba[::-1, :, [2, 1, 0, 3]].tobytes()
        struct.pack_into("<HI", data, 28, 32, 0)
        if fine:
            np.testing.assert_array_equal(decode_image(bytes(data), "x"), COLOUR)
        else:
            with pytest.raises(UnsupportedImage, match="fourth channel"):
                decode_image(bytes(data), "x")


def test_a_size_is_looked_at_before_pixels():
    huge = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 9000, 9000, 8, 2, 0, 0, 0))
    with pytest.raises(CorruptFile, match="9000x9000, not 32x32"):
        decode_image(huge + chunk(b"IDAT", b"") + chunk(b"IEND", b""), "x", size=(32, 32))


def test_a_jpeg_of_twelve_bits_and_an_unreadable_part_are_named():
    data = bytearray(jpeg_with())
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedImage, match="12 bits"):
        decode_image(bytes(data), "x")
    with pytest.raises(UnsupportedImage, match="CgBI"):
        decode_image(png_with(chunk(b"CgBI", b"1234")), "x")

"""What a decoder would make up is damage: rows that are missing, strips, tiles, and colours beyond a palette."""

import functools
import io
import itertools
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.formats import png
from rec_jax.data.image_files import decode_image
from tests.data.test_formats import chunk

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (11, 9), np.uint8)
DEPTHS = [(depth, 0) for depth in (1, 2, 4, 8, 16)] + [(depth, 3) for depth in (1, 2, 4, 8)]
DEPTHS += [(depth, kind) for depth in (8, 16) for kind in (2, 4, 6)]
BLACK_WHITE = bytes([0, 0, 0, 0, 255, 255, 255, 0])
GREYS = b"".join(bytes([i, i, i, 0]) for i in range(16))
PALETTE = b"".join(bytes([i, 2 * i, 3 * i, 0]) for i in range(16))


def refused(data, words, error=CorruptFile):
    with pytest.raises(error, match=words) as found:
        decode_image(data, "x", deep=True)
    assert "\n" not in str(found.value)


def png_of(stream, size, depth, kind, interlaced=0, n_parts=1):
    """A PNG of a stream that is compressed already, in several chunks."""
    cuts = [len(stream) * i // n_parts for i in range(n_parts + 1)]
    parts = b"".join(chunk(b"IDAT", stream[a:b]) for a, b in itertools.pairwise(cuts))
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if kind == 3 and depth == 8 else chunk(b"PLTE", bytes(3 << depth))
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, depth, kind, 0, 0, interlaced))
    return png.SIGNATURE + header + (palette if kind == 3 else b"") + parts + chunk(b"IEND", b"")


@pytest.mark.parametrize("interlaced", [0, 1])
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (9, 11), (16, 8)])
@pytest.mark.parametrize(("depth", "kind"), DEPTHS)
def test_a_png_has_all_rows_or_is_damaged(depth, kind, size, interlaced):
    """The lengths are those that Pillow, and so libpng's rules, know: one byte less is not enough."""
    n = png._stream_bytes(*size, depth * png._SAMPLES[kind], interlaced)
    if not interlaced:
        assert n == size[1] * (1 + -(-size[0] * depth * png._SAMPLES[kind] // 8))
    opaque = b"\0" * n if kind in (0, 2, 3) else None
    for n_parts in (1, 3):
        make = functools.partial(png_of, size=size, depth=depth, kind=kind, interlaced=interlaced, n_parts=n_parts)
        if opaque is not None:
            assert decode_image(make(zlib.compress(opaque)), "x", deep=True).shape[:2] == size[::-1]
            assert decode_image(make(zlib.compress(opaque + b"more")), "x", deep=True).shape[:2] == size[::-1]
        refused(make(zlib.compress(bytes(n - 1))), f"x is truncated or damaged.*end after {n - 1} of {n} bytes")


@pytest.mark.parametrize("kind", [0, 2, 3])
def test_interlaced_lengths_are_those_of_another_writer(kind):
    """Every pixel is of one of seven passes, and a row of a pass costs a byte more."""
    for width in range(1, 18):
        for height in range(1, 18):
            passes = np.full((height, width), -1)
            for i, (top, down, left, right) in enumerate(png._PASSES):
                assert (passes[top::down, left::right] == -1).all()
                passes[top::down, left::right] = i
            assert (passes >= 0).all()
            n_rows = sum(len({y for y, x in zip(*np.nonzero(passes == i), strict=True)}) for i in range(7))
            bits = 8 * png._SAMPLES[kind]
            assert png._stream_bytes(width, height, bits, 1) == width * height * bits // 8 + n_rows


def test_a_png_that_unpacks_to_much_takes_little_memory():
    stream = zlib.compress(bytes(1 << 26), 9)
    tracemalloc.start()
    with pytest.raises(CorruptFile, match="its pixels end"):
        png._check_complete([stream], (1 << 14, 1 << 14), 8, 0)
    assert tracemalloc.get_traced_memory()[1] < 1 << 23
    tracemalloc.stop()


def test_two_headers_or_palettes():
    data = png_of(zlib.compress(bytes(2)), (1, 1), 8, 3)
    for kind in (b"IHDR", b"PLTE"):
        start = data.index(kind) - 4
        (n,) = struct.unpack_from(">I", data, start)
        refused(data[: start + n + 12] + data[start:], "two headers or palettes")


def bmp(indices, depth, palette, compression=0, used=None):
    """A BMP of one row of indices, or of runs that are packed already."""
    if compression:
        rows = indices
    else:
        bits = np.unpackbits(np.array(indices, np.uint8)[:, None], axis=1)[:, 8 - depth :]
        rows = np.packbits(bits).tobytes()
        rows += bytes(-len(rows) % 4)
    used, start = len(palette) // 4 if used is None else used, 54 + len(palette)
    width = 4 if compression else len(indices)
    head = struct.pack("<IiiHHIIiiII", 40, width, 1, 1, depth, compression, len(rows), 2835, 2835, used, 0)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + head + palette + rows


@pytest.mark.parametrize(
    ("data", "index", "n"),
    [
        (bmp([0, 1, 200, 2], 8, PALETTE), 200, 16),
        (bmp([0, 1, 200, 2], 8, GREYS), 200, 16),
        (bmp([0, 1, 5, 2], 4, PALETTE[:20]), 5, 5),
        (bmp([0, 1, 0, 0], 1, bytes(4)), 1, 1),
        (bmp([0, 1, 2, 0], 8, BLACK_WHITE), 2, 2),
        (bmp([0, 1, 5, 2], 8, PALETTE[:20], used=0), 5, 5),  # the header has none, the file has room for 5
        (bmp(bytes([4, 200, 0, 1]), 8, PALETTE, 1), 200, 16),
        (bmp(bytes([4, 2, 0, 1]), 8, BLACK_WHITE, 1), 2, 2),
        (bmp(bytes([4, 0x15, 0, 1]), 4, PALETTE[:20], 2), 5, 5),
        (png_of(zlib.compress(b"\0\3"), (2, 1), 4, 3).replace(chunk(b"PLTE", bytes(48)), chunk(b"PLTE", b"abc")), 3, 1),
    ],
)
def test_a_colour_beyond_the_palette(data, index, n):
    refused(data, f"x is truncated or damaged.*it has colour {index}, beyond its palette of {n}")


@pytest.mark.parametrize("local", [False, True])
def test_a_colour_beyond_the_palette_of_a_gif(local):
    codes = sum(code << 3 * i for i, code in enumerate([4, 1, 3, 5])).to_bytes(2, "little")
    for size, palette in ((1, bytes(range(12))), (0, bytes(range(6))), (0, bytes([0, 0, 0, 1, 1, 1]))):
        flags = 0x80 | size
        data = b"GIF89a" + struct.pack("<HHBBB", 2, 1, 0 if local else flags, 0, 0) + (b"" if local else palette)
        data += b"!\xfe\x03abc\x02de\0!\xfe\0,"  # comments
        data += struct.pack("<HHHHB", 0, 0, 2, 1, flags if local else 0) + (palette if local else b"")
        data += bytes([2, len(codes)]) + codes + b"\0;"
        if size:
            np.testing.assert_array_equal(decode_image(data, "x"), [[[3, 4, 5], [9, 10, 11]]])
        else:
            refused(data, "it has colour 3, beyond its palette of 2")


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (bmp([0, 1, 1, 0, 1], 1, BLACK_WHITE), [[0, 255, 255, 0, 255]]),
        (bmp([0, 1, 1, 0, 1], 4, BLACK_WHITE), [[0, 255, 255, 0, 255]]),
        (bmp([0, 1, 1, 0, 1], 8, BLACK_WHITE), [[0, 255, 255, 0, 255]]),
        (bmp([0, 1, 15, 2], 4, GREYS), [[0, 1, 15, 2]]),
        (bmp([0, 1, 15, 2], 8, GREYS), [[0, 1, 15, 2]]),
        (bmp([0, 1, 15, 2], 8, PALETTE), [[[3 * i, 2 * i, i] for i in (0, 1, 15, 2)]]),
        (bmp([1], 8, PALETTE)[:-3], [[[3, 2, 1]]]),  # the last row is not filled up
        (bmp(bytes([4, 1, 0, 1]), 8, BLACK_WHITE, 1), [[[255] * 3] * 4]),
        (bmp(bytes([4, 0x10, 0, 1]), 4, BLACK_WHITE, 2), [[[255] * 3, [0] * 3] * 2]),
    ],
)
def test_a_bmp_with_few_colours_is_read_by_its_depth(data, wanted):
    np.testing.assert_array_equal(decode_image(data, "x"), wanted)


def test_a_bmp_whose_last_byte_is_missing():
    refused(bmp([0, 1, 15, 2], 8, PALETTE)[:-1], "1 bytes are missing")
    refused(bmp([0, 1, 15, 2], 8, b"", used=16).replace(struct.pack("<I", 54), struct.pack("<I", 55), 1), "no palette")


def tiff(tags, *parts):
    """A little-endian TIFF with the parts of its pixels; tags: {tag: integers}, which may say anything else."""
    offsets = np.cumsum([8, *map(len, parts)])
    tags = {259: [1], 277: [1], 273: offsets[:-1], 279: [len(part) for part in parts]} | tags
    start, rows, more = int(offsets[-1]), b"", b""
    for tag, values in sorted((tag, values) for tag, values in tags.items() if len(values)):
        kind, letter = (3, "H") if tag in (258, 320, 259, 262, 277, 284, 338) else (4, "I")
        data = struct.pack(f"<{len(values)}{letter}", *values)
        place = struct.pack("<I", start + 6 + 12 * sum(len(v) > 0 for v in tags.values()) + len(more))
        rows += struct.pack("<HHI", tag, kind, len(values)) + (data.ljust(4, b"\0") if len(data) <= 4 else place)
        more += data if len(data) > 4 else b""
    n = struct.pack("<H", len(rows) // 12)
    return b"II*\0" + struct.pack("<I", start) + b"".join(parts) + n + rows + bytes(4) + more


SHAPE = {256: [9], 257: [11], 258: [8], 262: [1]}
STRIPS = [GREY[i : i + 4].tobytes() for i in (0, 4, 8)]
COLOUR = {256: [9], 257: [11], 258: [8, 8, 8], 262: [2], 277: [3], 278: [11]}
PLANES = [bytes([i]) * 99 for i in (1, 2, 3)]
TILES = [np.pad(GREY, ((0, 21), (0, 23)))[i : i + 16, j : j + 16].tobytes() for i in (0,) for j in (0,)]


@pytest.mark.parametrize("pack", [bytes, zlib.compress])
def test_a_tiff_has_all_its_strips(pack):
    tags = SHAPE | {278: [4], 259: [1 if pack is bytes else 8]}
    strips = [pack(strip) for strip in STRIPS]
    np.testing.assert_array_equal(decode_image(tiff(tags, *strips), "x"), GREY)
    refused(tiff(tags, *strips[:2]), "x is truncated or damaged.*it has 2 strips, 3 are due")
    refused(tiff(tags, strips[0]), "it has 1 strips, 3 are due")
    refused(tiff(tags | {273: []}, *strips), "it has 0 strips, 3 are due")


@pytest.mark.parametrize(
    ("tags", "parts", "words"),
    [
        (SHAPE | {278: [4], 279: [36, 35, 27]}, STRIPS, "hold fewer bytes"),
        (SHAPE | {278: [4], 279: [36, 36, 26]}, STRIPS, "hold fewer bytes"),
        (SHAPE | {278: [4], 279: [36, 36]}, STRIPS, "hold fewer bytes"),
        (SHAPE | {278: [4], 273: [8, 44, 10**6]}, STRIPS, "go on behind its end"),
        (SHAPE | {278: [11]}, STRIPS, "it has 3 strips, 1 are due"),
        (SHAPE | {278: [11]}, [GREY[:6].tobytes()], "hold fewer bytes"),
        (SHAPE | {258: [16]}, [GREY.tobytes()], "hold fewer bytes"),
        (SHAPE | {278: [0]}, [GREY.tobytes()], "no pixel"),
        (COLOUR, [PLANES[0]], "hold fewer bytes"),
        (COLOUR | {284: [2]}, [b"".join(PLANES)], "it has 1 strips, 3 are due"),
        (SHAPE | {322: [16], 323: [16]}, [GREY.tobytes()], "strips and tiles at once"),
        (SHAPE | {322: [8], 323: [16], 324: [8], 325: [128], 273: [], 279: []}, TILES, "it has 1 tiles, 2 are due"),
        (SHAPE | {322: [16], 323: [16], 324: [8], 325: [175], 273: [], 279: []}, TILES, "hold fewer bytes"),
    ],
)
def test_a_tiff_without_compression_has_all_its_bytes(tags, parts, words):
    refused(tiff(tags, *parts), f"x is truncated or damaged.*{words}")


@pytest.mark.parametrize(
    ("tags", "parts", "wanted"),
    [
        (SHAPE | {278: [2**32 - 1]}, [GREY.tobytes()], GREY),
        (SHAPE, [GREY.tobytes()], GREY),  # one strip by default
        (SHAPE | {278: [4], 279: []}, STRIPS, GREY),
        (SHAPE | {278: [4], 279: [99, 99, 99]}, STRIPS, GREY),
        (SHAPE | {322: [16], 323: [16], 324: [8], 325: [256], 273: [], 279: []}, TILES, GREY),
        (COLOUR | {284: [2]}, PLANES, np.full((11, 9, 3), [1, 2, 3])),
        (COLOUR | {258: [8]}, [bytes([1, 2, 3]) * 99], np.full((11, 9, 3), [1, 2, 3])),
    ],
)
def test_a_tiff_that_is_complete(tags, parts, wanted):
    np.testing.assert_array_equal(decode_image(tiff(tags, *parts), "x"), wanted)


def test_a_tiff_of_very_many_strips():
    rows = RNG.integers(0, 256, (70_000, 1), np.uint8)
    tags = {256: [1], 257: [len(rows)], 258: [8], 262: [1], 278: [1]}
    np.testing.assert_array_equal(decode_image(tiff(tags, *map(bytes, rows)), "x"), rows)


def test_palettes_of_a_tiff_have_colours_of_8_bits():
    levels = RNG.integers(0, 256, 768)
    tags = {256: [2], 257: [1], 258: [8], 262: [3], 278: [1]}
    for scale in (256, 257):
        read = decode_image(tiff(tags | {320: levels * scale}, b"\1\xff"), "x")
        np.testing.assert_array_equal(read, levels.reshape(3, 256).T[[[1, 255]]])
    deep = levels * 257
    for entries in (levels, np.where(np.arange(768) == 9, deep ^ 1, deep), RNG.integers(0, 65536, 768)):
        words = "x has palette colours of 16 bits .* nothing is cut to 8 bits; save it as"
        refused(tiff(tags | {320: entries}, b"\1\xff"), words, UnsupportedImage)
    for n in (0, 48, 767, 771):
        refused(tiff(tags | {320: np.resize(deep, n)}, b"\1\xff"), f"palette has {n} values, 768 are due")


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("n_colours", [2, 3, 16, 256])
def test_palettes_that_pillow_writes(kind, n_colours):
    picture = Image.fromarray(RNG.integers(0, 256, (40, 30, 3), np.uint8)).quantize(n_colours)
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    np.testing.assert_array_equal(decode_image(buffer.getvalue(), "x"), np.asarray(picture.convert("RGB")))

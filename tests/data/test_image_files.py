"""Every kind of picture is read exactly or refused in one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from rec_jax.core.errors import CorruptFile, MissingFile, UnsupportedImage
from rec_jax.data.image_files import decode_image, decode_rgb, read_image, read_rgb

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), np.uint8)
GREY = COLOUR[..., 0].copy()


@pytest.fixture
def save(tmp_path):
    """save(picture, 'x.png', **options) -> path."""

    def write(picture, name, **options):
        picture.save(tmp_path / name, **options)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.tif", "x.ppm", "x.webp"])
@pytest.mark.parametrize("image", [COLOUR, GREY], ids=["colour", "grey"])
def test_lossless_formats(save, name, image):
    read = read_image(save(Image.fromarray(image), name, **({"lossless": True} if name == "x.webp" else {})))
    if name == "x.webp" and image is GREY:  # WebP has no grey
        image = np.repeat(GREY[..., None], 3, axis=2)
    np.testing.assert_array_equal(read, image)
    assert read.dtype == np.uint8


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_jpeg_is_read_as_it_decodes(save, mode):
    path = save(Image.fromarray(COLOUR).convert(mode), "x.jpg")
    np.testing.assert_array_equal(read_image(path), np.asarray(Image.open(path)))


def test_one_bit_is_black_and_white(save):
    bits = GREY > 127
    for name in ("x.png", "x.pbm", "x.tif", "x.bmp"):
        read = read_image(save(Image.fromarray(bits), name))
        grey = read if read.ndim == 2 else read[..., 0]
        np.testing.assert_array_equal(grey, 255 * bits)


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_shallow_grey_png_is_scaled_as_viewers_show(tmp_path, depth):
    top = 2**depth - 1
    levels = RNG.integers(0, top + 1, (5, 16), np.uint8)
    bits = np.unpackbits(levels[..., None], axis=2)[..., -depth:].reshape(5, -1)
    path = tmp_path / "x.png"
    path.write_bytes(png(16, 5, depth, 0, np.packbits(bits, axis=1)))
    np.testing.assert_array_equal(read_image(path), levels * (255 // top))


@pytest.mark.parametrize("name", ["x.png", "x.gif", "x.bmp", "x.tif"])
def test_palette(save, name):
    picture = Image.fromarray(COLOUR).quantize(16)
    np.testing.assert_array_equal(read_image(save(picture, name)), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize("name", ["x.png", "x.webp", "x.tif"])
def test_alpha(save, mode, name):
    options = {"lossless": True} if name == "x.webp" else {}
    base = Image.fromarray(COLOUR).convert(mode[:-1])
    base.putalpha(255)
    expected = np.asarray(base)[..., :-1]
    if name == "x.webp" and mode == "LA":
        expected = np.repeat(expected, 3, axis=2)
    np.testing.assert_array_equal(read_image(save(base, name, **options)), expected.squeeze())
    alpha = np.full(GREY.shape, 255, np.uint8)
    alpha[3, 4] = 254
    base.putalpha(Image.fromarray(alpha))
    refused(save(base, name, **options), "transparent pixels")


def test_palette_with_alpha(save):
    picture = Image.fromarray(COLOUR).quantize(16)
    unused = save(picture, "unused.png", transparency=bytes([255] * 16))
    np.testing.assert_array_equal(read_image(unused), np.asarray(picture.convert("RGB")))
    refused(save(picture, "used.png", transparency=0), "transparent pixels")
    refused(save(picture, "used.gif", transparency=int(np.asarray(picture)[0, 0])), "transparent pixels")


@pytest.mark.parametrize(("mode", "colour"), [("L", 3), ("RGB", (1, 2, 3)), ("1", 1)])
def test_transparent_colour(save, mode, colour):
    refused(save(Image.fromarray(COLOUR).convert(mode), "x.png", transparency=colour), "transparent colour")


@pytest.mark.parametrize("colour_type", [0, 2, 4, 6])
def test_sixteen_bit_png(tmp_path, colour_type):
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[colour_type]
    path = tmp_path / "x.png"
    path.write_bytes(png(4, 3, 16, colour_type, RNG.integers(0, 256, (3, 4 * channels * 2), np.uint8)))
    refused(path, "16 bits per colour")


def test_deep_tiff_and_ppm(save, tmp_path):
    deep = (GREY.astype(np.uint16) << 8) + 1
    refused(save(Image.fromarray(deep), "x.tif"), "16 bits")
    refused(save(Image.fromarray(deep.astype(np.float32)), "f.tif"), "floating-point")
    refused(save(Image.fromarray(deep), "x.pgm"), "16 bits")
    path = tmp_path / "x.ppm"
    path.write_bytes(b"P6 2 1 65535\n" + bytes(range(12)))
    refused(path, "16 bits per colour")
    path.write_bytes(b"P3 1 1 1023\n 1 2 1023\n")
    refused(path, "10 bits per colour")
    tifffile = pytest.importorskip("tifffile")

    tifffile.imwrite(tmp_path / "rgb.tif", np.repeat(deep[..., None], 3, axis=2), photometric="rgb")
    refused(tmp_path / "rgb.tif", "16 bits per colour")


@pytest.mark.parametrize(("mode", "name", "words"), [("CMYK", "x.jpg", "CMYK"), ("LAB", "x.tif", "Lab")])
def test_other_colour_spaces(save, mode, name, words):
    refused(save(Image.new(mode, (4, 4)), name), words)


@pytest.mark.parametrize("name", ["x.gif", "x.png", "x.webp", "x.tif"])
def test_several_frames(save, name):
    frames = [Image.fromarray(COLOUR), Image.fromarray(COLOUR[::-1].copy())]
    refused(save(frames[0], name, save_all=True, append_images=frames[1:]), "2 frames or pages")


def test_multi_picture_jpeg(save):
    """Previews and gain maps (type undefined) are beside the picture; a stereo pair is two pictures."""
    pictures = [Image.fromarray(COLOUR), Image.fromarray(COLOUR[::2, ::2].copy())]
    path = save(pictures[0], "x.jpg", format="MPO", save_all=True, append_images=pictures[1:])
    assert Image.open(path).n_frames == 2
    first = np.asarray(Image.open(save(pictures[0], "first.jpg")))
    np.testing.assert_array_equal(read_image(path), first)
    data = bytearray(path.read_bytes())
    index = data.index(b"MPF\0") + 14  # past the TIFF header
    entry = data.index(struct.pack("<L", 0x030000), index) + 16  # the second picture's
    data[entry : entry + 4] = struct.pack("<L", 0x020002)  # multi-frame image: disparity
    path.write_bytes(data)
    refused(path, "2 frames or pages; save the one wanted")
    pictures[1] = Image.fromarray(COLOUR[::-1].copy())  # no preview is as large
    path = save(pictures[0], "two.jpg", format="MPO", save_all=True, append_images=pictures[1:])
    refused(path, "2 frames or pages; save the one wanted")


def test_gif_frame_smaller_than_the_picture(save):
    path = save(Image.fromarray(GREY), "x.gif")
    data = bytearray(path.read_bytes())
    data[6:8] = struct.pack("<H", 20)  # width of the screen, wider than the frame
    path.write_bytes(data)
    refused(path, "does not cover")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.tif"])
def test_exif_rotation_is_applied(save, orientation, name):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(Image.fromarray(COLOUR), name, exif=exif)
    plain = np.asarray(Image.open(save(Image.fromarray(COLOUR), f"plain{name}")))
    turned = {
        1: plain,
        2: plain[:, ::-1],
        3: plain[::-1, ::-1],
        4: plain[::-1],
        5: plain.transpose(1, 0, 2),
        6: plain[::-1].transpose(1, 0, 2),
        7: plain[::-1, ::-1].transpose(1, 0, 2),
        8: plain.transpose(1, 0, 2)[::-1],
    }[orientation]
    np.testing.assert_array_equal(read_image(path), turned)


def test_exif_rotation_of_an_opaque_alpha_picture(save):
    exif = Image.Exif()
    exif[0x0112] = 3
    picture = Image.fromarray(COLOUR)
    picture.putalpha(255)
    np.testing.assert_array_equal(read_image(save(picture, "x.png", exif=exif)), COLOUR[::-1, ::-1])


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.webp", "x.tif"])
def test_icc_is_refused_unless_dropped(save, name):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    path = save(Image.fromarray(COLOUR), name, icc_profile=profile)
    refused(path, "ICC profile.*--drop-icc")
    np.testing.assert_array_equal(read_image(path, ignore_icc=True), np.asarray(Image.open(path)))
    np.testing.assert_array_equal(read_rgb(path), np.asarray(Image.open(path)))


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA"])
def test_data_sets_see_rgb(save, mode):
    picture = Image.fromarray(COLOUR).convert(mode)
    path = save(picture, "x.png")
    np.testing.assert_array_equal(read_rgb(path), np.asarray(picture.convert("RGB")))
    np.testing.assert_array_equal(decode_rgb(path.read_bytes(), "x"), read_rgb(path))
    np.testing.assert_array_equal(read_image(path, repeat_grey=True), read_rgb(path))


def test_a_picture_in_memory_is_named_by_its_label(save):
    data = save(Image.new("CMYK", (4, 4)), "x.jpg").read_bytes()
    with pytest.raises(UnsupportedImage, match=r"^photos train\[3\] has CMYK colours; save it as"):
        decode_image(data, "photos train[3]")


def test_wide_bmp_is_not_taken_for_16_bit(save):
    wide = RNG.integers(0, 256, (4, 720, 3), np.uint8)  # 2160 bytes a row
    np.testing.assert_array_equal(read_image(save(Image.fromarray(wide), "x.bmp")), wide)


@pytest.mark.parametrize("name", ["x.png", "x.jpg", "x.webp", "x.bmp", "x.gif", "x.tif", "x.ppm"])
def test_truncated_at_any_length(save, name):
    picture = Image.fromarray(RNG.integers(0, 256, (24, 31, 3), np.uint8))
    path = save(picture, name)
    whole = read_image(path)
    data = path.read_bytes()
    for length in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:length])
        try:
            read = read_image(path)
        except CorruptFile as error:
            assert str(path) in str(error) and "\n" not in str(error)
        else:  # only the end marker or metadata was cut off
            np.testing.assert_array_equal(read, whole)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"not a picture", b"\x89PNG\r\n\x1a\n", b"%!PS-Adobe-3.0 EPSF-3.0\n"])
def test_no_picture(tmp_path, data):
    path = tmp_path / "x.png"
    path.write_bytes(data)
    refused(path, "not a picture|damaged|empty file", CorruptFile)


def test_missing_file_directory_and_device(tmp_path):
    with pytest.raises(MissingFile, match="no such file"):
        read_image(tmp_path / "x.png")
    refused(tmp_path, "directory", CorruptFile)
    refused("/dev/zero", "device", CorruptFile)


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), MemoryError()])
def test_what_is_not_the_pictures_fault(save, monkeypatch, error):
    def fail(*_, **__):
        raise error

    path = save(Image.fromarray(COLOUR), "x.png")
    if isinstance(error, OSError):
        monkeypatch.setattr("builtins.open", fail)
        refused(path, "Permission denied", MissingFile)
    else:
        monkeypatch.setattr(Image, "open", fail)
        with pytest.raises(MemoryError):
            read_image(path)


def test_decompression_bomb(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(png(60_000, 60_000, 8, 2, np.zeros((1, 1), np.uint8)))
    refused(path, "too large")


def test_damaged_png(save):
    path = save(Image.fromarray(COLOUR), "x.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    refused(path, "damaged", CorruptFile)


def refused(path, words, error=UnsupportedImage):
    with pytest.raises(error, match=words) as caught:
        read_image(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def png(width, height, depth, colour_type, rows):
    """A PNG of any depth, by hand: Pillow writes no 16-bit colour. rows: uint8 [height, bytes of a row]."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    out = io.BytesIO(b"\x89PNG\r\n\x1a\n")
    out.seek(0, io.SEEK_END)
    out.write(chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)))
    out.write(chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))))
    out.write(chunk(b"IEND", b""))
    return out.getvalue()

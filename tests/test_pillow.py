"""`.rec` as a format of Pillow."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile, UnidentifiedImageError

import rec_jax
from rec_jax import pillow
from rec_jax.codec import container
from rec_jax.codec.container import pack_stored
from tests.codec.tiny_codec import smooth_image

COLOUR = smooth_image(6, 9)
IMAGES = {"RGB": COLOUR, "L": COLOUR[..., 0].copy(), "I;16": smooth_image(6, 9, depth=16)[..., 0].copy()}


@pytest.mark.parametrize("mode", IMAGES)
def test_save_and_open(tmp_path, mode):
    path = tmp_path / "a.rec"
    image = Image.fromarray(IMAGES[mode])
    assert image.mode == mode
    image.save(path)
    np.testing.assert_array_equal(rec_jax.decode(path.read_bytes()), IMAGES[mode])
    with Image.open(path) as found:
        assert (found.mode, found.size, found.format) == (mode, (9, 6), "REC")
        np.testing.assert_array_equal(np.asarray(found), IMAGES[mode])
        assert found.getpixel((8, 5)) == image.getpixel((8, 5))


def test_opening_decodes_nothing(monkeypatch):
    monkeypatch.setattr(pillow, "decode", lambda *_: pytest.fail("it was decoded"))
    data = pack_stored(COLOUR)
    found = Image.open(io.BytesIO(data))
    assert found.size == (9, 6)
    monkeypatch.undo()
    found.load()
    np.testing.assert_array_equal(np.asarray(found.crop((2, 1, 5, 4))), COLOUR[1:4, 2:5])


def test_options_of_save(tmp_path, monkeypatch):
    opened, image = [], Image.fromarray(COLOUR)
    load_codec = pillow.load_codec
    monkeypatch.setattr(pillow, "load_codec", lambda *words: opened.append(words) or load_codec(*words))
    image.save(tmp_path / "a.rec")
    image.resize((33, 1)).save(tmp_path / "a.rec", preset="best")
    image.save(tmp_path / "a.rec", model="photos")
    assert opened == [("cifar10", "default"), ("photos", "best"), ("photos", "default")]
    for options, words in (
        ({"model": "absent"}, "no model 'absent'"),
        ({"preset": "bets"}, "'bets' is unknown"),
        ({"model": ""}, "no model ''"),
        ({"preset": ""}, "'' is unknown"),
    ):
        with pytest.raises(OSError, match=words):
            image.save(tmp_path / "b.rec", **options)
    assert not (tmp_path / "b.rec").exists()


@pytest.mark.parametrize("mode", ["1", "P", "RGBA", "LA", "CMYK", "I", "F", "I;16B"])
def test_other_modes_are_refused(tmp_path, mode):
    with pytest.raises(OSError, match=f"cannot write mode {mode} as REC; convert it to one of RGB, L, I;16"):
        Image.new(mode, (3, 2)).save(tmp_path / "a.rec")
    assert not list(tmp_path.iterdir())


def test_what_a_file_does_not_hold_is_refused():
    image, file = Image.fromarray(COLOUR), io.BytesIO()
    image.info |= {"icc_profile": b"some", "transparency": (1, 2, 3)}
    for name in ("icc_profile", "transparency"):
        with pytest.raises(OSError, match=rf"{name}=None\) leaves it out"):
            image.save(file, "REC", **{other: None for other in ("icc_profile", "transparency") if other != name})
    image.getexif()[0x0112] = 6
    with pytest.raises(OSError, match="exif_transpose"):
        image.save(file, "REC", icc_profile=None, transparency=None)
    assert not file.getvalue()
    del image.getexif()[0x0112]
    image.save(file, "REC", icc_profile=None, transparency=None)
    np.testing.assert_array_equal(np.asarray(Image.open(file)), COLOUR)


def refused(words, image=None, **options):
    file = io.BytesIO()
    with pytest.raises(OSError, match=words) as found:
        (image or Image.fromarray(COLOUR)).save(file, "REC", **options)
    assert "\n" not in str(found.value) and not file.getvalue()


def saved(image, **options):
    file = io.BytesIO()
    image.save(file, "REC", **options)
    return rec_jax.decode(file.getvalue())


P3 = (0.3127, 0.329, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06)
SRGB = (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ({"gamma": 1.0}, "gamma"),
        ({"gamma": 1 / 2.2}, None),
        ({"gamma": 0.0}, None),
        ({"chromaticity": P3}, "chromaticity"),
        ({"chromaticity": SRGB}, None),
        ({"srgb": 0, "gamma": 1.0, "chromaticity": P3}, None),
    ],
)
def test_the_colours_of_a_png_are_those_of_srgb(info, name):
    image = Image.fromarray(COLOUR)
    image.info |= info
    if name:
        refused(rf"does not hold .*; save\(..., {name}=None\) leaves it out", image)
    np.testing.assert_array_equal(saved(image, **{name: None} if name else {}), COLOUR)


def test_a_profile_is_above_gamma():
    image = Image.fromarray(COLOUR)
    image.info |= {"gamma": 1.0, "icc_profile": b"some"}
    refused("a colour profile", image)
    np.testing.assert_array_equal(saved(image, icc_profile=None), COLOUR)


def test_exif_that_is_given():
    exif = Image.Exif()
    exif[0x0112] = 6
    for given in (exif, exif.tobytes(), exif.tobytes()[6:]):
        refused("exif_transpose", exif=given)
    exif[0x0112] = 1
    for given in (exif, exif.tobytes(), None, b"", b"no exif"):
        np.testing.assert_array_equal(saved(Image.fromarray(COLOUR), exif=given), COLOUR)
    refused("bytes or an Image.Exif", exif="no exif")
    exif.get_ifd(0x8769)[0xA001] = 2
    refused(r"Adobe RGB.*exif=None\) leaves it out", exif=exif)
    image = Image.fromarray(COLOUR)
    image.info["exif"] = exif.tobytes()
    refused("Adobe RGB", image)
    np.testing.assert_array_equal(saved(image, exif=None), COLOUR)
    image.info["exif"] = b"no exif"
    np.testing.assert_array_equal(saved(image.copy()), COLOUR)


def test_several_pictures_are_refused(tmp_path):
    frames = [Image.fromarray(COLOUR), Image.fromarray(COLOUR[::-1].copy())]
    for options in ({"save_all": True}, {"append_images": frames[1:]}, {"save_all": False, "append_images": frames}):
        refused("holds one picture; save each", frames[0], **options)
    frames[0].save(tmp_path / "x.png", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "x.png") as several:
        refused(r"one picture, not 2 frames; save image.copy\(\)", several)
        several.seek(1)
        np.testing.assert_array_equal(saved(several.copy()), COLOUR[::-1])


def test_a_lossy_model_needs_a_quality(tmp_path):
    refused(r"photos-lossy is lossy; give save\(..., quality=0..100\)", model="photos-lossy")
    for quality in (101, "high", True, 50.0, np.float32(50)):
        refused("a whole number from 0 to 100", model="photos-lossy", quality=quality)
    Image.fromarray(smooth_image(64, 64)).save(tmp_path / "a.rec", model="photos-lossy", quality=np.uint8(7))
    header, payload = container.unpack((tmp_path / "a.rec").read_bytes())
    assert header.kind == container.LOSSY and payload[0] == 7


def test_options_of_another_type():
    refused(r"preset=\['a'\]: a name", preset=["a"])
    refused("model=5, preset=None: a name or a path", model=5)


def test_files_that_cannot_be_opened():
    good = pack_stored(COLOUR)
    for data, words in (
        (good[:-1], "truncated or damaged"),
        (good[:2] + b"\xf0" + good[3:], "version 15"),
        (pack_stored(smooth_image(2, 2, depth=16)), "16-bit colour"),
    ):
        with pytest.raises(OSError, match=words):
            Image.open(io.BytesIO(data))
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(b"\xceX" + good[2:]))
    header, payload = container.unpack(good)
    wrong = container.pack(header.__class__(**header.__dict__ | {"pixel_crc32": 1}), payload)
    found = Image.open(io.BytesIO(wrong))
    for _ in range(2):
        with pytest.raises(OSError, match="checksum"):
            found.load()


def test_registering_again_changes_nothing():
    before = list(Image.ID)
    pillow.register()
    assert before == Image.ID and issubclass(pillow.RecImageFile, ImageFile.ImageFile)

import numpy as np
import pytest
from images import random_image, write_png
from PIL import Image

from rec_jax.core import errors
from rec_jax.data import make_source


@pytest.fixture
def photos(tmp_path):
    for i, size in enumerate([(40, 70), (64, 33), (96, 96)]):
        write_png(tmp_path / "train" / f"{2 - i}.png", random_image(i, *size))
    for name in ("b/1.png", "a.png", "b.png", ".hidden/x.png", "._a.png"):
        write_png(tmp_path / "test" / name, random_image(7, 20, 30))
    (tmp_path / "test" / "notes.txt").write_text("not an image")
    return tmp_path


def test_whole_images_in_sorted_order(photos):
    source = make_source({"kind": "folder", "data_dir": str(photos)}, "test")
    assert [source.label(i).removeprefix(f"{photos}/test/") for i in range(len(source))] == [
        "a.png",
        "b.png",
        "b/1.png",
    ]
    np.testing.assert_array_equal(source[0], random_image(7, 20, 30))
    assert source.array().shape == (3, 20, 30, 3)
    with pytest.raises(IndexError):
        source[3]


def test_every_suffix_that_is_read_is_found_and_the_rest_is_named(tmp_path, caplog):
    suffixes = {"png": "PNG", "pgm": "PPM", "pnm": "PPM", "jfif": "JPEG", "jpe": "JPEG", "dib": "BMP", "PPM": "PPM"}
    for suffix, kind in suffixes.items():
        Image.new("RGB", (4, 4)).save(tmp_path / f"a.{suffix}", kind)
    for name in ("b.avif", "c.txt", ".d.png", "e", "f", "g"):
        (tmp_path / name).touch()
    source = make_source({"kind": "folder", "split_test": str(tmp_path)}, "test")
    assert sorted(path.suffix[1:] for path in source.paths) == sorted(suffixes)
    assert "not taken as images: .d.png, b.avif, c.txt, e, f and 1 more" in caplog.text


def test_random_crops_for_training(photos):
    config = {"kind": "folder", "name": "mine", "data_dir": str(photos), "patch": 32}
    crops = make_source(config, "train").array()
    assert crops.shape == (9 + 2 + 2, 32, 32, 3)  # 0.png is 96x96, 1.png 64x33, 2.png 40x70
    np.testing.assert_array_equal(crops, make_source(config, "train").array())
    assert (crops != make_source(config | {"crop_seed": 1}, "train").array()).any()
    windows = np.lib.stride_tricks.sliding_window_view(random_image(2, 96, 96), (32, 32), axis=(0, 1))
    windows = windows.transpose(0, 1, 3, 4, 2)
    for crop in crops[:9]:
        assert (windows == crop).all(axis=(2, 3, 4)).sum() == 1
    assert len(make_source(config | {"patches_per_image": 5}, "train")) == 15


def test_images_of_the_patch_size_stay_whole(tmp_path):
    write_png(tmp_path / "train" / "0.png", random_image(0))
    source = make_source({"kind": "folder", "data_dir": str(tmp_path)}, "train")
    np.testing.assert_array_equal(source.array(), random_image(0)[None])


def test_center_crops_and_absolute_splits(photos):
    config = {"kind": "folder", "split_test": str(photos / "test"), "patch_test": 16}
    source = make_source(config, "test")
    np.testing.assert_array_equal(source[1], random_image(7, 20, 30)[2:18, 7:23])
    assert source.array().shape == (3, 16, 16, 3)
    with pytest.raises(errors.UnsupportedImage, match=r"a\.png is 30x20, too small for 24x24"):
        make_source(config | {"patch_test": 24}, "test")[0]


def test_too_small_images_and_mixed_sizes(photos):
    with pytest.raises(errors.UnsupportedImage, match=r"1\.png is 33x64, too small for 40x40 patches"):
        make_source({"kind": "folder", "data_dir": str(photos), "patch": 40}, "train")
    with pytest.raises(errors.ConfigError, match="several sizes .* 96x96.* give a patch size"):
        make_source({"kind": "folder", "data_dir": str(photos), "patch": 0}, "train").array()


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(errors.MissingFile, match="no folder .*/train; data.data_dir is the root"):
        make_source({"kind": "folder", "data_dir": str(tmp_path)}, "train")
    (tmp_path / "train").mkdir()
    with pytest.raises(errors.MissingFile, match="no image in"):
        make_source({"kind": "folder", "data_dir": str(tmp_path)}, "train")
    with pytest.raises(errors.ConfigError, match="data.data_dir=FOLDER"):
        make_source({"kind": "folder"}, "train")


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:60], lambda b: b"hello", lambda b: b[: len(b) // 2]])
def test_unreadable_images_are_named(tmp_path, damage):
    path = write_png(tmp_path / "train" / "bad.png", random_image(0))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(errors.CorruptFile, match=r"bad\.png is (an empty|truncated or|not a picture)") as caught:
        make_source({"kind": "folder", "data_dir": str(tmp_path)}, "train")
    assert "\n" not in str(caught.value)


def test_options_are_checked():
    with pytest.raises(errors.ConfigError, match=r"data\.kind='tfsd'; have 'tfds', 'folder', 'embedded'"):
        make_source({"kind": "tfsd"}, "train")
    with pytest.raises(errors.ConfigError, match=r"unknown option data\.pacth; did you mean data\.patch\?"):
        make_source({"pacth": 3}, "train")
    with pytest.raises(errors.ConfigError, match="split='val'; have 'train' and 'test'"):
        make_source({"kind": "embedded"}, "val")
    with pytest.raises(errors.ConfigError, match="must be 0 or more"):
        make_source({"kind": "embedded", "patch": -1}, "train")

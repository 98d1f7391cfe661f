"""Pictures in and out of the codec; every kind of file is in tests/data/test_image_files.py."""

import os
import warnings

import numpy as np
import pytest
from PIL import Image

from rec_jax.codec.image_io import read_image, write_png
from rec_jax.core.errors import UnsupportedImage

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (6, 9, 3), np.uint8)
GREY = COLOUR[..., 0].copy()


def test_icc_is_refused_unless_dropped(tmp_path):
    Image.fromarray(COLOUR).save(tmp_path / "x.png", icc_profile=b"some profile")
    with pytest.raises(UnsupportedImage, match="--drop-icc"):
        read_image(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png", drop_icc=True), COLOUR)


def test_warnings_are_not_shown(tmp_path, monkeypatch):
    Image.fromarray(COLOUR).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_image(tmp_path / "x.png"), COLOUR)


def test_write_png_round_trip_and_failure(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    for image in (COLOUR, GREY):
        write_png(path, image)
        np.testing.assert_array_equal(read_image(path), image)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_png(path, COLOUR)
    np.testing.assert_array_equal(read_image(path), GREY)
    assert os.listdir(tmp_path) == ["x.png"]

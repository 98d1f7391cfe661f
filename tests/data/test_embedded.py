import hashlib
import sys

import ml_collections
import numpy as np
import pytest

from rec_jax.core import errors
from rec_jax.data import embedded, make_source

# SHA-256 of the pixels of the lossless ones; the JPEG's pixels belong to the decoder.
PIXELS = {
    "astronaut": "a8c429c18afa7b0fd5673e598d73a21225d94c864a71bbb3885126fdecb41071",
    "motorcycle_left": "ca829467c1d4f427da9c4862ba43829da6ac90afe1f75735e95dba9e3fd9620b",
    "chelsea": "416b729128bfb2c3d1eb69bf9b1734a796293abc17939267b2dc94f8a5784031",
    "coffee": "0ce2b51640b9c95f19617f03eabf40c3f0368589cc1ee1190b70966165ac184f",
}


@pytest.mark.parametrize("name", PIXELS)
def test_photographs_are_the_known_ones(name):
    assert hashlib.sha256(embedded.read_photograph(name).tobytes()).hexdigest() == PIXELS[name]


def test_splits_share_no_photograph_and_show_all_of_theirs_early():
    train, test = embedded.photograph_names("train"), embedded.photograph_names("test")
    assert train and test and not set(train) & set(test)
    chelsea, coffee = (embedded.read_photograph(name) for name in ("chelsea", "coffee"))
    first = make_source({"kind": "embedded"}, "test").array()[:20]
    of_chelsea = [_contains_tile(chelsea, patch) for patch in first]
    assert 0 < sum(of_chelsea) < 20
    assert all(_contains_tile(coffee, patch) for patch, seen in zip(first, of_chelsea, strict=True) if not seen)


def test_test_patches_tile_the_photographs():
    source = make_source(ml_collections.ConfigDict({"kind": "embedded", "patch": 32}).lock(), "test")
    assert source.array().shape == ((300 // 32) * (451 // 32) + (400 // 32) * (600 // 32), 32, 32, 3)
    assert source.array().dtype == np.uint8
    np.testing.assert_array_equal(source[5], source.array()[5])
    assert make_source({"kind": "embedded", "patch": 64}, "train").array().shape[1:] == (64, 64, 3)


def test_wrong_arguments():
    with pytest.raises(errors.ConfigError, match="no embedded photograph 'moon'; have astronaut"):
        embedded.read_photograph("moon")
    with pytest.raises(errors.ConfigError, match=r"patches of 1 \.\.\. 300"):
        make_source({"kind": "embedded", "patch": 301}, "test")


def test_missing_package_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(errors.MissingFile, match="pip install 'scikit-image"):
        embedded.read_photograph("coffee")


def test_nothing_of_skimage_is_imported():
    embedded.read_photograph("coffee")
    assert "skimage.data" not in sys.modules


def _contains_tile(image, patch):
    height, width = (size // 32 * 32 for size in image.shape[:2])
    tiles = image[:height, :width].reshape(height // 32, 32, width // 32, 32, 3).transpose(0, 2, 1, 3, 4)
    return bool((tiles.reshape(-1, 32, 32, 3) == patch).all(axis=(1, 2, 3)).any())


def test_test_patches_may_have_a_size_of_their_own():
    config = {"kind": "embedded", "patch": 16, "patch_test": 64}
    assert make_source(config, "test")[0].shape == (64, 64, 3)
    assert make_source(config, "train")[0].shape == (16, 16, 3)

"""Files of the paper's lossy model, by the codec of all lossy models."""

import numpy as np
import pytest
from tiny_lossy import photograph, tiny_lossy

from rec_jax.codec.lossy_ideal import ideal
from rec_jax.core.psnr import psnr_db
from tests.models.tiny_two_level import SECTION

IMAGE = photograph(24, 40)


@pytest.fixture(scope="module")
def codec():
    return tiny_lossy(section=SECTION, max_nats=8000.0).without_fallback()


@pytest.mark.parametrize("quality", [0, 70])
def test_a_file_is_what_the_encoder_saw_at_about_the_kl(codec, quality):
    codec = codec.at(quality)
    encoded = codec.encode([IMAGE])[0]
    pixels = codec.decompress(encoded.blob)  # against the checksum of what the encoder saw
    exact = ideal(codec, IMAGE)
    assert pixels.shape == IMAGE.shape and len(exact.layer_kl_bits) == 2
    assert encoded.index_bits + encoded.side_bits == pytest.approx(exact.kl_bits, rel=0.15)
    assert psnr_db(IMAGE, pixels) > psnr_db(IMAGE, exact.image) - 1.5
    assert psnr_db(IMAGE, pixels) > (18, 25)[quality > 0]


def test_grey_pictures_of_any_size(codec):
    image = photograph(1, 19)[..., 0]
    pixels = codec.decompress(codec.compress(image))
    assert pixels.shape == image.shape and pixels.dtype == np.uint8

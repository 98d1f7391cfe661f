"""Pictures under a model without latents, coded as a whole."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_codec import digest, smooth_image, tiny_phases

from rec_jax.codec import base, container, pixel_laws, whole
from rec_jax.codec.whole import METHOD
from rec_jax.core.errors import ConfigError, CorruptFile, WrongModel
from rec_jax.entropy import side_by_side
from rec_jax.evaluate.compression import compress_images
from rec_jax.evaluate.summary import summarise
from rec_jax.models.likelihoods import phases_grid
from rec_jax.models.likelihoods.phases import Phases

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def codec():
    return dataclasses.replace(tiny_phases(), fallback="none")


def pictures():
    for depth in (8, 16):
        for size in ((1, 1), (1, 7), (33, 47)):
            image = smooth_image(*size, depth=depth)
            yield from (image, image[..., 1].copy())


def test_round_trip_of_any_size_colour_and_depth_in_a_process_without_jax(tmp_path):
    images = list(pictures())
    for i, image in enumerate(images):
        np.save(tmp_path / f"{i}.npy", image)
    code = (
        "import sys; sys.modules['jax'] = None; import numpy as np; from tiny_codec import *; "
        "codec = dataclasses.replace(tiny_phases(), fallback='none')\n"
        "for i, path in enumerate(sys.argv[1:]):\n"
        "    print(digest(codec.decompress(codec.compress(np.load(path)))))"
    )
    paths = [str(tmp_path / f"{i}.npy") for i in range(len(images))]
    env = dict(os.environ, PYTHONPATH=os.pathsep.join([str(HERE), str(HERE.parents[1])]))
    found = subprocess.run([sys.executable, "-c", code, *paths], env=env, capture_output=True, text=True)
    assert found.stdout.split() == [digest(image) for image in images], found.stderr


def test_blocks_are_files_too(codec, monkeypatch):
    """Small blocks, whose mixtures are computed ahead of the pixels that they do not read."""
    monkeypatch.setattr(phases_grid, "BLOCK", 16)
    monkeypatch.setattr(phases_grid, "PART", 5)
    monkeypatch.setattr(pixel_laws, "_SMALL", 0)
    image = smooth_image(17, 24)
    encoded = codec.encode([image])[0]
    np.testing.assert_array_equal(codec.decompress(encoded.blob), image)
    assert abs(encoded.pixel_bits - encoded.ideal_pixel_bits) < 0.01 * encoded.ideal_pixel_bits
    assert encoded.index_bits == encoded.side_bits == encoded.kl_bits == 0


def test_many_files_and_their_headers(codec):
    images = [smooth_image(9, 8), smooth_image(9, 8, 1), smooth_image(3, 70)]
    blobs = [codec.compress(image) for image in images]
    assert [container.unpack(blob)[0].method for blob in blobs] == 3 * [METHOD]
    assert codec.package.codec("fast").decompress(blobs[0]).shape == (9, 8, 3)  # presets say nothing
    for found, image in zip(codec.decompress_many(blobs), images, strict=True):
        np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("kept_bits", [1, 1 << 18])
def test_pictures_encoded_together_become_the_files_that_they_are_alone(codec, monkeypatch, kept_bits):
    monkeypatch.setattr(side_by_side, "_KEPT_BITS", kept_bits)
    monkeypatch.setattr(whole, "_PIXELS_AT_ONCE", 3 * 9 * 8)
    images = [smooth_image(9, 8, seed) for seed in range(4)] + list(pictures())
    images[1:1] = [smooth_image(9, 8, 9)[..., 0].copy(), smooth_image(8, 9, 8)]
    blobs = [e.blob for e in codec.encode(images, measure=False)]
    assert blobs == [codec.encode([image])[0].blob for image in images]
    blobs.append(container.pack_stored(images[0]))
    for found, image in zip(codec.decompress_many(blobs), [*images, images[0]], strict=True):
        np.testing.assert_array_equal(found, image)
        assert found.dtype == image.dtype


def test_a_damaged_file_among_others_is_found(codec):
    blobs = [codec.compress(smooth_image(9, 8, seed)) for seed in range(3)]
    header, payload = container.unpack(blobs[1])
    blobs[1] = container.pack(dataclasses.replace(header, pixel_crc32=header.pixel_crc32 ^ 1), payload)
    with pytest.raises(CorruptFile, match="checksum"):
        list(codec.decompress_many(blobs))
    foreign = container.pack(dataclasses.replace(header, model_id=1), payload)
    with pytest.raises(WrongModel):
        list(codec.decompress_many([blobs[0], foreign]))


def test_progress_is_told_in_pixels(codec):
    told = [], []
    blob = codec.compress(smooth_image(9, 8), lambda *x: told[0].append(x))
    codec.decompress(blob, lambda *x: told[1].append(x))
    assert told[0] == told[1] and told[0][-1] == (72, 72) and len(told[0]) == len(Phases().phases(9, 8))


def test_the_picture_given_is_left_alone(codec):
    image = smooth_image(5, 4)
    image.flags.writeable = False
    assert codec.compress(image)


def test_a_flat_picture_becomes_a_classical_file():
    blob = tiny_phases().compress(np.zeros((64, 64, 3), np.uint8))
    assert container.unpack(blob)[0].kind == container.EMBEDDED


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("shape", [(40, 60, 3), (40, 60), (10, 300), (300, 2, 3)])
def test_a_picture_that_the_model_will_lose_is_not_coded_with_it(monkeypatch, shape, depth):
    monkeypatch.setattr(whole, "_SURELY_TRIED", 0)
    codec = tiny_phases()
    monkeypatch.setattr(type(codec), "_encode_alike", None)  # would be an error
    image = np.full(shape, 77, f"uint{depth}")
    blob = codec.compress(image)
    assert container.unpack(blob)[0].kind == container.EMBEDDED
    np.testing.assert_array_equal(codec.decompress(blob), image)


def test_a_look_says_what_the_whole_picture_would(monkeypatch, codec):
    monkeypatch.setattr(whole, "_SURELY_TRIED", 0)
    image = smooth_image(60, 70)
    bytes_per_value = codec.encode([image])[0].pixel_bits / 8 / image.size
    for factor, expected in ((2.0, True), (0.5, False)):
        taken = factor * bytes_per_value
        monkeypatch.setattr(whole, "quick_embedded", lambda crops, taken=taken: (0, bytes(int(taken * crops.size))))
        assert codec.may_win(image) == expected


def test_a_file_that_clearly_wins_is_not_compared_slowly(monkeypatch):
    image, codec = smooth_image(9, 8), tiny_phases()
    monkeypatch.setattr(base, "quick_embedded", lambda image: (0, bytes(9 * image.size)))
    monkeypatch.setattr(base, "pack_embedded", None)  # would be an error
    assert container.unpack(codec.compress(image))[0].kind == container.LOSSLESS


def test_files_of_others_are_refused(codec):
    blob = codec.compress(smooth_image(5, 4))
    other = dataclasses.replace(codec, package=dataclasses.replace(codec.package, model_id=1))
    with pytest.raises(WrongModel):
        other.decompress(blob)
    with pytest.raises(ConfigError, match="no device"):
        codec.on_device("cpu").decompress(blob)
    header, payload = container.unpack(blob)
    with pytest.raises(CorruptFile):
        codec.decompress(container.pack(header, payload[:-9]))


def test_rows_of_an_evaluation(codec, tmp_path):
    rows = compress_images(codec, [smooth_image(5, 4), smooth_image(5, 4, 1)], tmp_path / "rows.jsonl")
    summary = summarise(rows)
    assert summary.coder_loss is None and summary.rates_bpd["kl"] == 0
    assert summary.rates_bpd["pixel"] == pytest.approx(summary.rates_bpd["elbo"], rel=0.01)

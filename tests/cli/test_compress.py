"""`rec-jax compress`."""

import os

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.codec.embedded import pack_embedded
from tests.cli.fakes import IMAGE, FakeCodec
from tests.cli.running import fails


@pytest.mark.parametrize("image", [IMAGE, IMAGE[..., 0].copy()], ids=["colour", "grey"])
def test_round_trip(folder, capsys, image, fake_codec):
    Image.fromarray(image).save("a.png")
    assert cli.main(["compress", "a.png", "a.rec", "--preset", "best", "--verify"]) == 0
    out, err = capsys.readouterr()
    assert err == "" and out.count("\n") == 1
    n_bytes = os.path.getsize("a.rec")
    for words in (
        f"{n_bytes} bytes",
        f"{8 * n_bytes / image.size:.3f} bits/dim",
        "12x8",
        "best",
        "verified",
        " s",
    ):
        assert words in out
    assert cli.main(["decompress", "a.rec", "b.png"]) == 0
    assert "exact" in capsys.readouterr().out
    np.testing.assert_array_equal(np.asarray(Image.open("b.png")), image)
    assert fake_codec == [("cifar10", "best"), ("fake", "best")]


@pytest.mark.parametrize("size, model", [((32, 32), "cifar10"), ((32, 33), "photos")])
def test_the_default_model_is_that_of_the_pictures_size(folder, fake_codec, size, model):
    Image.new("RGB", size).save("a.png")
    assert cli.main(["compress", "a.png", "a.rec"]) == 0
    assert fake_codec == [(model, "default")]


def test_a_model_without_latents_has_no_preset(folder, capsys):
    assert cli.main(["compress", "in.png", "a.rec", "--model", "fake-phases", "--preset", "best"]) == 0
    out = capsys.readouterr().out
    assert "model fake-phases, " in out and "preset" not in out
    assert cli.main(["decompress", "a.rec", "a.png"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("a.png")), IMAGE)


def test_what_a_model_would_make_larger_is_embedded(folder, capsys, monkeypatch):
    monkeypatch.setattr(FakeCodec, "compress", lambda self, image, progress: pack_embedded(image))
    assert cli.main(["compress", "in.png", "a.rec"]) == 0
    out = capsys.readouterr().out
    assert "embedded raw pixels" in out and "model" not in out


def test_bad_pictures(folder, capsys):
    fails(capsys, "compress", "absent.png", "out.rec", match="absent.png: no such file")
    fails(capsys, "compress", ".", "out.rec", match="directory")
    fails(capsys, "compress", "in.rec", "out.rec", match="in.rec is not a picture")
    (folder / "cut.png").write_bytes((folder / "in.png").read_bytes()[:100])
    fails(capsys, "compress", "cut.png", "out.rec", match="cut.png is truncated")
    Image.fromarray(IMAGE).convert("CMYK").save("cmyk.jpg")
    fails(capsys, "compress", "cmyk.jpg", "out.rec", match="CMYK")


def test_icc_flag(folder, capsys):
    Image.fromarray(IMAGE).save("icc.png", icc_profile=b"some profile")
    fails(capsys, "compress", "icc.png", "out.rec", match="--drop-icc")
    assert cli.main(["compress", "icc.png", "out.rec", "--drop-icc"]) == 0


def test_verify_finds_a_lying_codec(folder, capsys, monkeypatch):
    monkeypatch.setattr(FakeCodec, "decompress", lambda self, data: IMAGE ^ 1)
    fails(capsys, "compress", "in.png", "out.rec", "--verify", match="nothing was written")

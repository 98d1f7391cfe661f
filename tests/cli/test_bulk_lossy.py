"""`compress` of many files that lose something: what is finished is what is asked for."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.cli import codecs
from rec_jax.codec import container
from rec_jax.codec.embedded import pack_embedded
from rec_jax.core.psnr import psnr_db
from tests.codec.tiny_lossy import photograph, tiny_lossy

IMAGE = photograph(40, 56)
OUT = Path("out/a.rec")
NOT_FINISHED = "exists and does not hold this picture as it is asked for; add --force"


@pytest.fixture(scope="module")
def tiny():
    return tiny_lossy()


@pytest.fixture
def codec(tiny, folder, monkeypatch):
    """What every lossy command here takes; a.png is IMAGE."""
    opened = codecs.open_codec
    monkeypatch.setattr(codecs, "open_codec", lambda *a, lossy=False: tiny if a[2:] == (True,) or lossy else opened(*a))
    Image.fromarray(IMAGE).save("a.png")
    return tiny


def bulk(capsys, *options, code=0, source="a.png"):
    """What the command said: its last line, or why it failed."""
    assert cli.main(["compress", source, "-o", "out", "--jobs", "1", *options]) == code
    out, err = capsys.readouterr()
    return err if code else out


def quality():
    header, payload = container.unpack(OUT.read_bytes())
    assert header.kind == container.LOSSY
    return payload[0]


def is_another(capsys, *options, source="a.png"):
    """It is neither finished nor replaced; then it is, by --force, and finished."""
    before = OUT.read_bytes()
    assert NOT_FINISHED in bulk(capsys, *options, code=1, source=source)
    assert OUT.read_bytes() == before
    assert "1 files written" in bulk(capsys, *options, "--force", source=source)
    assert OUT.read_bytes() != before
    is_finished(capsys, *options, source=source)


def is_finished(capsys, *options, source="a.png"):
    before = OUT.stat().st_mtime_ns
    for force in ((), ("--force",)):
        assert "1 skipped" in bulk(capsys, *options, *force, source=source)
    assert OUT.stat().st_mtime_ns == before


def test_a_file_of_another_quality_is_another(capsys, codec):
    bulk(capsys, "--quality", "90")
    is_finished(capsys, "--quality", "90")
    is_another(capsys, "--quality", "20")
    assert quality() == 20
    is_another(capsys, "--lossy")
    assert quality() == 50
    is_finished(capsys, "--lambda", "0.01")  # the middle of the tiny model's
    is_another(capsys, "--lambda", "0.1")
    assert quality() == 100


def test_a_file_of_too_many_bytes_is_another(capsys, codec):
    least = len(codec.at(0).compress(IMAGE))
    bulk(capsys, "--quality", "60")
    is_finished(capsys, "--max-bytes", str(OUT.stat().st_size))
    is_another(capsys, "--max-bytes", str(least + 20))
    assert OUT.stat().st_size <= least + 20


def test_a_file_of_too_few_decibels_is_another(capsys, codec):
    most_db = psnr_db(IMAGE, codec.decompress(codec.at(100).compress(IMAGE)))
    bulk(capsys, "--quality", "0")
    least_db = psnr_db(IMAGE, codec.decompress(OUT.read_bytes()))
    is_finished(capsys, "--target-psnr", f"{least_db - 0.1}")
    is_another(capsys, "--target-psnr", f"{most_db - 0.1}")


def test_a_lossless_file_is_no_finished_lossy_one_nor_the_other_way_round(capsys, codec):
    bulk(capsys)
    assert container.unpack(OUT.read_bytes())[0].kind == container.LOSSLESS
    is_another(capsys, "--quality", "50")
    assert "exists and does not hold this picture; add --force" in bulk(capsys, code=1)


def test_an_exact_file_is_finished_where_the_quality_makes_one(capsys, codec):
    Image.new("RGB", (64, 64), (77, 77, 77)).save("a.png")
    bulk(capsys, "--quality", "30")
    assert container.unpack(OUT.read_bytes())[0].kind == container.EMBEDDED
    for options in (["--quality", "80"], ["--max-bytes", "99"], ["--target-psnr", "60"]):
        is_finished(capsys, *options)
    Image.fromarray(IMAGE).save("a.png")
    OUT.write_bytes(pack_embedded(IMAGE))
    is_finished(capsys, "--target-psnr", "60")
    is_another(capsys, "--quality", "0")


@pytest.mark.parametrize("shape", [(16, 16, 3), (24, 16, 3), (16, 16)])
def test_noise_is_known_again(capsys, codec, shape):
    """Its lossy picture is as far from it as another photograph is, and nearer than its own mean."""
    noise = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    Image.fromarray(noise).save("noise.png")
    os.mkdir("out")
    Path("out/noise.rec").write_bytes(codec.without_fallback().at(0).compress(noise))
    assert psnr_db(noise, codec.decompress(Path("out/noise.rec").read_bytes())) < 18
    assert "1 skipped" in bulk(capsys, "--quality", "0", source="noise.png")


def test_another_picture_is_not(capsys, codec):
    bulk(capsys, "--quality", "50")
    Image.fromarray(photograph(40, 56, seed=5)).save("a.png")
    is_another(capsys, "--quality", "50")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (["--quality", "101"], "a whole number from 0 to 100"),
        (["--quality", "-1"], "a whole number from 0 to 100"),
        (["--lambda", "nan"], "a number above 0"),
        (["--lambda", "-1"], "a number above 0"),
        (["--max-bytes", "0"], "a whole number above 0"),
        (["--max-bytes", "-3"], "a whole number above 0"),
        (["--target-psnr", "nan"], "a number above 0"),
        (["--target-psnr", "inf"], "a number above 0"),
        (["--target-psnr", "-5"], "a number above 0"),
    ],
)
def test_what_no_file_can_be_is_told_once_and_before_any_work(capsys, codec, monkeypatch, options, match):
    monkeypatch.setattr(type(codec), "encode", lambda *_: pytest.fail("it was encoded"))
    for words in (["a.png", "in.png", "-o", "out"], ["a.png", "out.rec"]):
        with pytest.raises(SystemExit) as ended:
            cli.main(["compress", *words, *options])
        out, err = capsys.readouterr()
        assert ended.value.code == 2 and out == "" and err.count("\n") == 1 and match in err
    assert not os.path.exists("out") and not os.path.exists("out.rec")


def test_a_failure_of_the_codec_names_the_picture(capsys, codec):
    Image.fromarray(np.arange(256, dtype=np.uint16).reshape(16, 16) * 200).save("deep.png")
    assert cli.main(["compress", "--quality", "50", "deep.png", "out.rec"]) == 1
    assert capsys.readouterr().err.startswith("rec-jax: deep.png: image is uint16")

"""`rec-jax info` and `rec-jax models`."""

import numpy as np
import pytest

from rec_jax import cli
from rec_jax.cli import describe
from rec_jax.codec import container, model_file, open_package, shipped_models
from rec_jax.codec.presets import CUSTOM_PRESET
from rec_jax.codec.whole import METHOD
from tests.cli.fakes import IMAGE, MODEL_ID, PHASES_ID, rec_file
from tests.cli.running import fails


def test_info(folder, capsys):
    assert cli.main(["info", "in.rec"]) == 0
    out = capsys.readouterr().out
    crc = f"{container.pixel_crc32(IMAGE):08x}"
    for words in (
        "in.rec: 12x8 colour, 302 bytes for 288 raw, 8.389 bits/dim\n",
        "header 14 bytes, stream 288 bytes, format version 2\n",
        "1234 (fake)\n",
        "preset default (coder tree), split 0\n",
        f"pixels {crc}\n",
    ):
        assert words in out


def test_raw_bytes_of_deep_pictures_are_two_a_value():
    image = np.zeros((8, 6, 3), np.uint16)
    header = container.image_header(image, container.EMBEDDED)
    words = f"100 bytes for {image.nbytes} raw, {800 / image.size:.3f} bits/dim"
    assert describe.sizes(header, 100) == f"6x8 16-bit colour, {words}"


@pytest.mark.parametrize(
    "model_id, method, model, words",
    [
        (PHASES_ID, METHOD, "fake-phases", "pixels alone, no latents and no preset"),
        (MODEL_ID, 0x25, "fake", "preset best (coder tree), split 5"),
        (MODEL_ID, 0x30, "fake", "preset irec (coder beam_search), split 0"),
        (MODEL_ID, 0x70, "fake", "preset 7 (unknown), split 0"),
        (MODEL_ID, CUSTOM_PRESET << 4, "fake", "preset custom, split 0"),
        (MODEL_ID ^ 1, METHOD, "not shipped", "pixels alone, no latents and no preset"),
        (MODEL_ID ^ 1, 0x05, "not shipped", "preset fast (coder tree), split 5"),
    ],
)
def test_info_tells_how_a_file_was_written(folder, capsys, fake_codec, model_id, method, model, words):
    (folder / "a.rec").write_bytes(rec_file(model_id, method))
    assert cli.main(["info", "a.rec"]) == 0
    out = capsys.readouterr().out
    assert f"  model id {model_id:04x} ({model})\n  {words}\n" in out and fake_codec == []


@pytest.mark.parametrize("payload", [b"", b"\xc8", b"\x65abc"])
def test_a_quality_that_no_file_has_is_damage(folder, capsys, payload):
    header = container.image_header(IMAGE, container.LOSSY, 0x10, MODEL_ID)
    (folder / "a.rec").write_bytes(container.pack(header, payload))
    fails(capsys, "info", "a.rec", match="a.rec: the file is damaged: its quality")
    (folder / "a.rec").write_bytes(container.pack(header, b"\x64abc"))
    assert cli.main(["info", "a.rec"]) == 0 and "lossy, quality 100:" in capsys.readouterr().out


def test_a_quantised_file_is_told_from_one_of_pixels():
    header = container.image_header(IMAGE, container.LOSSY, METHOD)
    assert describe.method(header) == "quantised latents, no preset"


def test_only_a_lossless_file_has_a_split():
    lossy, lossless = (container.image_header(IMAGE, kind, 0x11) for kind in (container.LOSSY, container.LOSSLESS))
    assert describe.method(lossy) == "preset default (coder tree)"
    assert describe.method(lossless) == "preset default (coder tree), split 1"


def test_models(capsys):
    assert cli.main(["models"]) == 0
    lines = dict(line.split(": ", 1) for line in capsys.readouterr().out.splitlines())
    assert lines.keys() == set(shipped_models())
    size_mb = model_file.shipped_model_paths()["cifar10-rvae"].stat().st_size / 1e6
    assert lines["cifar10-rvae"] == f"{size_mb:.1f} MB, id {open_package('cifar10-rvae').model_id:04x}"
    assert lines["photos-lossy"].endswith(", default for --lossy")
    assert lines["photos-hyperprior"].endswith(", lossy")
    assert lines["cifar10-bit-swap"].endswith(", chains of pictures, no files")

"""`rec-jax decompress`, and what every command says of a bad file."""

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.codec.embedded import pack_embedded
from rec_jax.codec.presets import CUSTOM_PRESET, PRESETS
from tests.cli.fakes import IMAGE, MODEL_ID, rec_file
from tests.cli.running import fails


def test_embedded_file_needs_no_model(folder, capsys, fake_codec):
    (folder / "s.rec").write_bytes(pack_embedded(IMAGE))
    assert cli.main(["decompress", "s.rec", "s.png"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("s.png")), IMAGE)
    assert cli.main(["info", "s.rec"]) == 0
    assert "  embedded raw pixels: no model and no coder\n" in capsys.readouterr().out and fake_codec == []


@pytest.mark.parametrize("command", [["decompress", "bad.rec", "out.png"], ["info", "bad.rec"]])
def test_bad_files(folder, capsys, command):
    good = (folder / "in.rec").read_bytes()
    flipped = bytearray(good)
    flipped[30] ^= 4
    future = bytearray(good)
    future[2] += 16
    past = bytearray(good)
    past[2] -= 16
    cases = [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "not a .rec file"),
        (good[:9], "truncated"),
        (good[:-1], "truncated or damaged"),
        (bytes(flipped), "truncated or damaged"),
        (bytes(future), "version 3"),
        (bytes(past), "version 1"),
    ]
    for data, words in cases:
        (folder / "bad.rec").write_bytes(data)
        fails(capsys, *command, match=words)
    (folder / "bad.rec").unlink()
    fails(capsys, *command, match="no such file")
    fails(capsys, command[0], ".", *command[2:], match="directory")


def test_models_that_do_not_fit(folder, capsys):
    fails(capsys, "compress", "in.png", "out.rec", "--model", "absent", match="absent")
    fails(capsys, "decompress", "in.rec", "out.png", "--model", "absent", match="neither a file nor a shipped model")
    (folder / "other.safetensors").write_bytes(b"other")
    fails(capsys, "decompress", "in.rec", "out.png", "--model", "other.safetensors", match="not a model file")
    fails(capsys, "decompress", "in.rec", "out.png", "--model", "cifar10-rvae", match="written with model 1234")
    for name, data, words in (
        ("unknown", rec_file(MODEL_ID ^ 1), "--model PATH"),
        ("custom", rec_file(method=CUSTOM_PRESET << 4), "no preset names"),
        ("future", rec_file(method=len(PRESETS) << 4), "update rec_jax"),
    ):
        (folder / f"{name}.rec").write_bytes(data)
        fails(capsys, "decompress", f"{name}.rec", "out.png", match=words)


def test_wrong_options_are_refused_whatever_the_file_needs(folder, capsys):
    (folder / "s.rec").write_bytes(pack_embedded(IMAGE))
    fails(capsys, "decompress", "s.rec", "out.png", "--model", "absent", match="neither a file nor a shipped model")
    (folder / "other.safetensors").write_bytes(b"other")
    fails(capsys, "decompress", "s.rec", "out.png", "--model", "other.safetensors", match="not a model file")
    assert cli.main(["decompress", "s.rec", "out.png", "--model", "cifar10", "--device", "cuda"]) == 0


def test_wrong_pixels_are_not_written(folder, capsys):
    (folder / "wrong.rec").write_bytes(rec_file(stream=bytes(IMAGE.nbytes)))
    fails(capsys, "decompress", "wrong.rec", "out.png", match="wrong.rec: the file is damaged: its pixels do not have")

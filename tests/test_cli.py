"""The command line: what it writes, and that every failure is one line and leaves no file."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.codec import container, model_file
from rec_jax.core.errors import MissingFile

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
MODEL_ID = 0x1234


class FakeCodec:
    """XORs the pixels with 0xAA: enough for everything but the rate."""

    def __init__(self, preset):
        self.preset = preset

    def compress(self, image):
        preset = list(container.PRESETS).index(self.preset)
        header = container.image_header(image, mode=container.LATENT, preset=preset, model_id=MODEL_ID, runtime=9)
        return container.pack(header, (image ^ 0xAA).tobytes())

    def decompress(self, data):
        header, stream = container.unpack(data)
        image = np.frombuffer(stream, np.uint8).reshape(header.shape) ^ 0xAA
        container.check_pixels(header, image)
        return image


@pytest.fixture(autouse=True)
def fake_codec(monkeypatch):
    opened = []

    def open_codec(name_or_path, preset):
        opened.append((name_or_path, preset))
        if name_or_path == "absent":
            raise MissingFile("no model 'absent'")
        return FakeCodec(preset)

    def find_model_name(model_id):
        return "fake" if model_id == MODEL_ID else original(model_id)

    original = model_file.find_model_name
    monkeypatch.setattr(cli, "_open_codec", open_codec)
    monkeypatch.setattr(model_file, "find_model_name", find_model_name)
    return opened


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with in.png and in.rec."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(IMAGE).save("in.png")
    (tmp_path / "in.rec").write_bytes(FakeCodec("default").compress(IMAGE))
    return tmp_path


def fails(capsys, *words, code=1, match=""):
    """Run; one line on stderr, nothing on stdout, no new file."""
    before = sorted(os.listdir())
    assert cli.main(list(words)) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("rec-jax: ") and err.count("\n") == 1 and err.endswith("\n"), err
    assert match in err, err
    assert sorted(os.listdir()) == before


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
    assert fake_codec == [("cifar10-small", "best"), ("fake", "best")]


@pytest.mark.parametrize("size, model", [((32, 32), "cifar10-small"), ((32, 33), "photos-small")])
def test_the_default_model_is_that_of_the_pictures_size(folder, fake_codec, size, model):
    Image.new("RGB", size).save("a.png")
    assert cli.main(["compress", "a.png", "a.rec"]) == 0
    assert fake_codec == [(model, "default")]


def test_stored_file_needs_no_model(folder, capsys, fake_codec):
    (folder / "s.rec").write_bytes(container.pack_stored(IMAGE))
    assert cli.main(["decompress", "s.rec", "s.png"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("s.png")), IMAGE)
    assert cli.main(["info", "s.rec"]) == 0
    assert "stored" in capsys.readouterr().out and fake_codec == []


def test_info(folder, capsys):
    assert cli.main(["info", "in.rec"]) == 0
    out = capsys.readouterr().out
    for words in ("12x8 colour", "header 16 bytes", "1234 (fake)", "preset default", "jax 0.0.1 on cpu"):
        assert words in out


def test_models(folder, capsys, monkeypatch):
    path = folder / "cifar10-small.safetensors"
    path.write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr(model_file, "shipped_model_paths", lambda: {"cifar10-small": path})
    assert cli.main(["models"]) == 0
    assert capsys.readouterr().out.startswith("cifar10-small: 2.0 MB, id ")


def test_existing_output_needs_force(folder, capsys):
    (folder / "out").write_bytes(b"precious")
    fails(capsys, "compress", "in.png", "out", match="--force")
    fails(capsys, "decompress", "in.rec", "out", match="--force")
    assert (folder / "out").read_bytes() == b"precious"
    assert cli.main(["compress", "in.png", "out", "--force"]) == 0
    assert cli.main(["decompress", "out", "out.png"]) == 0
    assert cli.main(["decompress", "in.rec", "out", "--force"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("out")), IMAGE)


def test_output_is_never_the_input(folder, capsys):
    fails(capsys, "compress", "in.png", "in.png", "--force", match="also the input")
    fails(capsys, "decompress", "in.rec", "./in.rec", "--force", match="also the input")


def test_bad_outputs(folder, capsys):
    for command, source in (("compress", "in.png"), ("decompress", "in.rec")):
        fails(capsys, command, source, ".", match="directory or a device")
        fails(capsys, command, source, "/dev/full", "--force", match="directory or a device")
        fails(capsys, command, source, "nowhere/out", match="no such directory")


def test_bad_pictures(folder, capsys):
    fails(capsys, "compress", "absent.png", "out", match="absent.png: no such file")
    fails(capsys, "compress", ".", "out", match="directory")
    fails(capsys, "compress", "in.rec", "out", match="in.rec is not a picture")
    (folder / "cut.png").write_bytes((folder / "in.png").read_bytes()[:100])
    fails(capsys, "compress", "cut.png", "out", match="cut.png is truncated")
    Image.fromarray(IMAGE).convert("CMYK").save("cmyk.jpg")
    fails(capsys, "compress", "cmyk.jpg", "out", match="CMYK")


def test_icc_flag(folder, capsys):
    Image.fromarray(IMAGE).save("icc.png", icc_profile=b"some profile")
    fails(capsys, "compress", "icc.png", "out", match="--drop-icc")
    assert cli.main(["compress", "icc.png", "out", "--drop-icc"]) == 0


@pytest.mark.parametrize("command", [["decompress", "bad.rec", "out.png"], ["info", "bad.rec"]])
def test_bad_files(folder, capsys, command):
    good = (folder / "in.rec").read_bytes()
    flipped = bytearray(good)
    flipped[30] ^= 4
    future = bytearray(good)
    future[2] += 16
    cases = [
        (b"", "empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "not a .rec file"),
        (good[:9], "truncated"),
        (good[:-1], "truncated or damaged"),
        (bytes(flipped), "truncated or damaged"),
        (bytes(future), "version 2"),
    ]
    for data, words in cases:
        (folder / "bad.rec").write_bytes(data)
        fails(capsys, *command, match=words)
    (folder / "bad.rec").unlink()
    fails(capsys, *command, match="no such file")
    fails(capsys, command[0], ".", *command[2:], match="directory")


def test_models_that_do_not_fit(folder, capsys):
    fails(capsys, "compress", "in.png", "out", "--model", "absent", match="absent")
    fails(capsys, "decompress", "in.rec", "out", "--model", "absent", match="neither a file nor a shipped model")
    (folder / "other.safetensors").write_bytes(b"other")
    fails(capsys, "decompress", "in.rec", "out", "--model", "other.safetensors", match="written with model 1234")
    fields = dict(mode=container.LATENT, runtime=9)
    unknown = container.pack(container.image_header(IMAGE, model_id=MODEL_ID ^ 1, **fields), bytes(99))
    (folder / "unknown.rec").write_bytes(unknown)
    fails(capsys, "decompress", "unknown.rec", "out", match="--model PATH")
    header = container.image_header(IMAGE, model_id=MODEL_ID, preset=container.CUSTOM_PRESET, **fields)
    (folder / "custom.rec").write_bytes(container.pack(header, bytes(99)))
    fails(capsys, "decompress", "custom.rec", "out", match="no preset names")


def test_wrong_pixels_are_not_written(folder, capsys):
    header = container.image_header(IMAGE, mode=container.LATENT, model_id=MODEL_ID, runtime=9)
    (folder / "wrong.rec").write_bytes(container.pack(header, bytes(IMAGE.nbytes)))
    fails(capsys, "decompress", "wrong.rec", "out.png", match="jax 0.0.1 on cpu")


def test_verify_finds_a_lying_codec(folder, capsys, monkeypatch):
    monkeypatch.setattr(FakeCodec, "decompress", lambda self, data: IMAGE ^ 1)
    fails(capsys, "compress", "in.png", "out", "--verify", match="nothing was written")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device", "out"), MemoryError()])
@pytest.mark.parametrize("command", [["compress", "in.png"], ["decompress", "in.rec"]])
def test_full_disk_and_memory(folder, capsys, monkeypatch, error, command):
    def full(*_):
        raise error

    monkeypatch.setattr(os, "fsync", full)
    fails(capsys, *command, "out", match="No space left" if isinstance(error, OSError) else "not enough memory")


def test_interrupt(folder, capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeCodec, "compress", interrupt)
    fails(capsys, "compress", "in.png", "out", code=130, match="interrupted")
    monkeypatch.setattr(os, "replace", interrupt)
    fails(capsys, "decompress", "in.rec", "out", code=130, match="interrupted")


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["compres"],
        ["compress", "in.png"],
        ["compress", "a", "b", "--preset", "bets"],
        ["info", "a", "--x"],
    ],
)
def test_usage_errors_are_one_line(folder, capsys, words):
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    out, err = capsys.readouterr()
    assert caught.value.code == 2 and out == "" and err.count("\n") == 1 and "--help" in err


def python(code, **options):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    "words",
    [["models"], ["info", "in.rec"], ["decompress", "stored.rec", "x.png"], ["--help"], ["--version"]],
)
def test_light_commands_never_import_jax(folder, words):
    (folder / "stored.rec").write_bytes(container.pack_stored(IMAGE))
    code = (
        "import sys; from rec_jax import cli\n"
        f"try: code = cli.main({words})\n"
        "except SystemExit as error: code = error.code\n"
        "print('jax' in sys.modules, code)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
    assert done.stdout.splitlines()[-1] == "False 0", done.stdout + done.stderr


def test_ctrl_c_in_a_real_process(folder):
    code = (
        "import sys, time; from rec_jax import cli\n"
        "class Slow:\n"
        "    def compress(self, image): print('started', flush=True); time.sleep(60)\n"
        "cli._open_codec = lambda *_: Slow()\n"
        "sys.exit(cli.main(['compress', 'in.png', 'out.rec']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job's children ignore it
    ) as process:
        assert process.stdout.readline() == "started\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert process.returncode == 130 and err == "rec-jax: interrupted; nothing was written\n" and out == ""
    assert sorted(os.listdir()) == ["in.png", "in.rec"]


def environment():
    """This tree's package, wherever the test has changed directory to."""
    root = os.path.dirname(os.path.dirname(os.path.abspath(cli.__file__)))
    return os.environ | {"PYTHONPATH": root}


def test_only_png_is_written(capsys):
    assert cli.main(["decompress", "in.rec", "out.jpg"]) == 1
    assert "only PNG is written" in capsys.readouterr().err

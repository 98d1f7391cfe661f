"""The command line: what it writes, and that every failure is one line and leaves no file."""

import io
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli, codec
from rec_jax.codec import container, model_file
from rec_jax.codec.embedded import pack_embedded
from rec_jax.codec.presets import CUSTOM_PRESET, PRESETS
from rec_jax.codec.whole import METHOD
from rec_jax.core.errors import MissingFile
from rec_jax.data import image_files

IMAGE = np.random.default_rng(0).integers(0, 256, (8, 12, 3), np.uint8)
MODEL_ID, PHASES_ID = 0x1234, 0x4321


class FakeCodec:
    """XORs the pixels with 0xAA: enough for everything but the rate."""

    progress_of = "tiles"

    def __init__(self, package, preset="default"):
        self.package = package
        self.preset = preset
        self.searches = bool(package.model.groups)

    def compress(self, image, progress=None):
        progress and progress(1, 1)
        method = METHOD if not self.package.model.groups else list(PRESETS).index(self.preset) << 4
        header = container.image_header(image, container.LOSSLESS, method, self.package.model_id)
        return container.pack(header, (image ^ 0xAA).tobytes())

    def decompress(self, data):
        header, stream = container.unpack(data)
        image = np.frombuffer(stream, np.uint8).reshape(header.shape) ^ 0xAA
        container.check_pixels(header, image)
        return image

    def on_device(self, platform):
        assert platform is None
        return self


class FakePackage(SimpleNamespace):
    """A model with latents, or without."""

    def __init__(self, name="fake", model_id=MODEL_ID, groups=("a group",), opened=None):
        super().__init__(name=name, model_id=model_id, model=SimpleNamespace(groups=groups), opened=opened)

    def codec(self, preset):
        self.opened.append((self.name, preset))
        return FakeCodec(self, preset)


@pytest.fixture(autouse=True)
def fake_codec(monkeypatch):
    """(model, preset) of every codec that a command opened."""
    opened = []

    def open_codec(name_or_path, preset):
        if name_or_path == "absent":
            raise MissingFile("no model 'absent'")
        groups = () if name_or_path == "fake-phases" else ("a group",)
        model_id = MODEL_ID if groups else PHASES_ID
        return FakePackage(name_or_path, model_id, groups, opened).codec(preset)

    def find_model_name(model_id):
        return names[model_id] if model_id in names else find_original(model_id)

    def open_package(name_or_path):
        return packages[name_or_path] if name_or_path in packages else open_original(name_or_path)

    names = {MODEL_ID: "fake", PHASES_ID: "fake-phases"}
    packages = {
        "fake": FakePackage(opened=opened),
        "fake-phases": FakePackage("fake-phases", PHASES_ID, (), opened),
    }
    find_original, open_original = model_file.find_model_name, codec.open_package
    monkeypatch.setattr(cli, "_open_codec", open_codec)
    monkeypatch.setattr(model_file, "find_model_name", find_model_name)
    monkeypatch.setattr(codec, "find_model_name", find_model_name)
    monkeypatch.setattr(codec, "open_package", open_package)
    return opened


def rec_file(model_id=MODEL_ID, method=0x10, stream=None):
    """A file of IMAGE with that header; by default as FakeCodec writes it."""
    header = container.image_header(IMAGE, container.LOSSLESS, method, model_id)
    return container.pack(header, (IMAGE ^ 0xAA).tobytes() if stream is None else stream)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with in.png and in.rec."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(IMAGE).save("in.png")
    (tmp_path / "in.rec").write_bytes(rec_file())
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
    assert fake_codec == [("cifar10", "best"), ("fake", "best")]


@pytest.mark.parametrize("size, model", [((32, 32), "cifar10"), ((32, 33), "photos")])
def test_the_default_model_is_that_of_the_pictures_size(folder, fake_codec, size, model):
    Image.new("RGB", size).save("a.png")
    assert cli.main(["compress", "a.png", "a.rec"]) == 0
    assert fake_codec == [(model, "default")]


def test_embedded_file_needs_no_model(folder, capsys, fake_codec):
    (folder / "s.rec").write_bytes(pack_embedded(IMAGE))
    assert cli.main(["decompress", "s.rec", "s.png"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("s.png")), IMAGE)
    assert cli.main(["info", "s.rec"]) == 0
    assert "  embedded raw pixels: no model and no coder\n" in capsys.readouterr().out and fake_codec == []


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


@pytest.mark.parametrize(
    "model_id, method, model, words",
    [
        (PHASES_ID, METHOD, "fake-phases", "pixels alone, no latents and no preset"),
        (MODEL_ID, 0x25, "fake", "preset best (coder tree), split 5"),
        (MODEL_ID, 0x30, "fake", "preset irec (coder beam_search), split 0"),
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


def test_models(folder, capsys, monkeypatch):
    path = folder / "cifar10-small.safetensors"
    path.write_bytes(b"x" * 2_000_000)
    monkeypatch.setattr(model_file, "shipped_model_paths", lambda: {"cifar10-small": path})
    assert cli.main(["models"]) == 0
    assert capsys.readouterr().out.startswith("cifar10-small: 2.0 MB, id ")


def test_existing_output_needs_force(folder, capsys):
    (folder / "out.rec").write_bytes(b"precious")
    (folder / "out.png").write_bytes(b"precious")
    fails(capsys, "compress", "in.png", "out.rec", match="--force")
    fails(capsys, "decompress", "in.rec", "out.png", match="--force")
    assert (folder / "out.rec").read_bytes() == (folder / "out.png").read_bytes() == b"precious"
    assert cli.main(["compress", "in.png", "out.rec", "--force"]) == 0
    assert cli.main(["decompress", "out.rec", "out.png", "--force"]) == 0
    np.testing.assert_array_equal(np.asarray(Image.open("out.png")), IMAGE)


def test_a_replaced_file_keeps_its_permissions(folder):
    for words in (["decompress", "in.rec", "out.png"], ["compress", "in.png", "out.rec"]):
        (folder / words[2]).touch(0o600)
        assert cli.main([*words, "--force"]) == 0
        assert (folder / words[2]).stat().st_mode & 0o777 == 0o600


def test_output_is_never_the_input(folder, capsys):
    (folder / "in.png").rename(folder / "picture.rec")
    (folder / "in.rec").rename(folder / "file.png")
    fails(capsys, "compress", "picture.rec", "picture.rec", "--force", match="also the input")
    fails(capsys, "decompress", "file.png", "./file.png", "--force", match="also the input")


def test_bad_outputs_are_found_before_any_work(folder, capsys, monkeypatch, fake_codec):
    monkeypatch.setattr(image_files, "read_image", lambda *_, **__: pytest.fail("it was read"))
    for command, source, suffix in (("compress", "in.png", ".rec"), ("decompress", "in.rec", ".png")):
        fails(capsys, command, source, ".", match="directory or a device")
        fails(capsys, command, source, "", match="directory or a device")
        fails(capsys, command, source, "/dev/full", "--force", match="directory or a device")
        fails(capsys, command, source, f"nowhere/out{suffix}", match="no such directory")
        fails(capsys, command, source, f"in.png/out{suffix}", match="no such directory")
        fails(capsys, command, source, f"{'x' * 300}{suffix}", match="File name too long")
        monkeypatch.setattr(os, "open", forbidden)
        fails(capsys, command, source, f"out{suffix}", match=f"out{suffix}: Permission denied")
        monkeypatch.undo()
    assert fake_codec == []


def forbidden(*_, **__):
    raise PermissionError(13, "Permission denied", "/some/temporary/file")


SUFFIXES = ["pgm", "pbm", "pnm", "jfif", "jxl", "avif", "heic", "tga", "npy", "jpg", "ppm", "webp", "tif", "gz", "PN"]


@pytest.mark.parametrize("suffix", [*SUFFIXES, "rec", "png", ""])
def test_a_name_never_promises_another_format(folder, capsys, suffix):
    if suffix != "png":
        fails(capsys, "decompress", "in.rec", f"out.{suffix}", match=".png files are written")
    if suffix != "rec":
        fails(capsys, "compress", "in.png", f"out.{suffix}", match=".rec files are written")


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
    fails(capsys, "decompress", "in.rec", "out.png", "--model", "cifar10-small", match="written with model 1234")
    for name, data, words in (
        ("unknown", rec_file(MODEL_ID ^ 1), "--model PATH"),
        ("custom", rec_file(method=CUSTOM_PRESET << 4), "no preset names"),
        ("future", rec_file(method=len(PRESETS) << 4), "update rec_jax"),
    ):
        (folder / f"{name}.rec").write_bytes(data)
        fails(capsys, "decompress", f"{name}.rec", "out.png", match=words)


def test_wrong_pixels_are_not_written(folder, capsys):
    (folder / "wrong.rec").write_bytes(rec_file(stream=bytes(IMAGE.nbytes)))
    fails(capsys, "decompress", "wrong.rec", "out.png", match="its pixels do not have its checksum")


def test_verify_finds_a_lying_codec(folder, capsys, monkeypatch):
    monkeypatch.setattr(FakeCodec, "decompress", lambda self, data: IMAGE ^ 1)
    fails(capsys, "compress", "in.png", "out.rec", "--verify", match="nothing was written")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
@pytest.mark.parametrize("command", [["compress", "in.png", "out.rec"], ["decompress", "in.rec", "out.png"]])
def test_full_disk_and_memory(folder, capsys, monkeypatch, error, command):
    def full(*_):
        raise type(error)(*error.args)

    monkeypatch.setattr(os, "fsync", full)
    fails(capsys, *command, match=f"{command[2]}: No space" if isinstance(error, OSError) else "not enough memory")


def test_interrupt(folder, capsys, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeCodec, "compress", interrupt)
    fails(capsys, "compress", "in.png", "out.rec", code=130, match="interrupted")
    monkeypatch.setattr(os, "fsync", interrupt)
    fails(capsys, "decompress", "in.rec", "out.png", code=130, match="interrupted")


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


def test_ctrl_c_in_a_real_process(folder):
    code = (
        "import sys, time; from rec_jax import cli\n"
        "class Slow:\n"
        "    searches, progress_of = False, 'pixels'\n"
        "    def compress(self, image, progress): print('started', flush=True); time.sleep(60)\n"
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


class Input:
    """Stands for sys.stdin."""

    closed = False

    def __init__(self, data):
        self.buffer = io.BytesIO(data)

    def isatty(self):
        return False


def test_standard_input_and_output(folder, monkeypatch, capsysbinary):
    data = pack_embedded(IMAGE)
    for source, words in (("-", "-"), ("s.rec", "-")):
        (folder / "s.rec").write_bytes(data)
        monkeypatch.setattr(sys, "stdin", Input(data))
        assert cli.main(["decompress", source, words]) == 0
        out, err = capsysbinary.readouterr()
        assert b"exact" in err and err.count(b"\n") == 1
        np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(out))), IMAGE)
    monkeypatch.setattr(sys, "stdin", Input(data))
    assert cli.main(["info", "-"]) == 0
    assert capsysbinary.readouterr().out.startswith(b"standard input: 12x8 colour")
    for broken, words in ((data[:9], b"the file is truncated"), (b"", b"the file is empty")):
        monkeypatch.setattr(sys, "stdin", Input(broken))
        assert cli.main(["info", "-"]) == 1
        assert capsysbinary.readouterr().err.startswith(b"rec-jax: standard input: " + words)
    monkeypatch.setattr(sys, "stdin", Input((folder / "in.png").read_bytes()))
    assert cli.main(["compress", "-", "-"]) == 0
    out, err = capsysbinary.readouterr()
    assert out == (folder / "in.rec").read_bytes() and err.startswith(b"rec-jax: 12x8 colour")
    monkeypatch.setattr(sys, "stdin", None)
    assert cli.main(["info", "-"]) == 1 and b"input is closed" in capsysbinary.readouterr().err
    assert sorted(os.listdir()) == ["in.png", "in.rec", "s.rec"]


def test_named_pipes_are_read(folder):
    (folder / "stored.rec").write_bytes(pack_embedded(IMAGE))
    os.mkfifo("pipe")
    command = [sys.executable, "-m", "rec_jax", "info", "pipe"]  # as a module, too
    with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE) as process:
        (folder / "pipe").write_bytes((folder / "stored.rec").read_bytes())
        assert process.communicate(timeout=60)[0].startswith(b"pipe: 12x8")


STANDARD_OUTPUTS = """
import os, sys
from rec_jax import cli

def run(output, *words):
    saved, stdout = os.dup(1), sys.stdout
    if output is None:
        sys.stdout = None
    else:
        os.dup2(output, 1)
    sys.stderr.write(f"{cli.main(list(words))}\\n")
    os.dup2(saved, 1)
    sys.stdout = stdout

full = os.open("/dev/full", os.O_WRONLY)
reader, gone = os.pipe()
os.close(reader)
run(full, "decompress", "s.rec", "a.png")
run(full, "info", "s.rec")
run(full, "decompress", "s.rec", "-")
run(gone, "info", "s.rec")
run(gone, "decompress", "s.rec", "-")
run(gone, "decompress", "s.rec", "b.png")
run(None, "decompress", "s.rec", "c.png")
run(None, "decompress", "s.rec", "-")
"""


def test_standard_output_that_takes_nothing(folder):
    (folder / "s.rec").write_bytes(pack_embedded(IMAGE))
    done = python(STANDARD_OUTPUTS, env=environment())
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == [
        "rec-jax: a.png is written; standard output: No space left on device", "0",
        "rec-jax: standard output: No space left on device", "1",
        "rec-jax: standard output: No space left on device", "1",
        "141", "141", "0", "0",
        "rec-jax: standard output is closed; name a file to write", "1",
    ]  # fmt: skip
    for name in ("a.png", "b.png", "c.png"):
        np.testing.assert_array_equal(np.asarray(Image.open(name)), IMAGE)


def test_nothing_of_a_killed_process_is_left(folder):
    code = (
        "import sys, os; from rec_jax import cli\n"
        "def stop(descriptor): print('started', flush=True); import time; time.sleep(60)\n"
        "os.fsync = stop\n"
        "sys.exit(cli.main(['decompress', 'in.rec', 'out.png']))"
    )
    (folder / "in.rec").write_bytes(pack_embedded(IMAGE))
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout.readline() == "started\n"
        process.kill()
    assert sorted(os.listdir()) == ["in.png", "in.rec"]


@pytest.mark.parametrize("n_signals", [1, 2])
def test_ctrl_c_does_not_wait_for_threads_or_long_calls(folder, n_signals):
    """A call that never comes back to the interpreter, and a pool that waits for it, end within two seconds."""
    code = (
        "import sys, threading; from concurrent.futures import ThreadPoolExecutor; from rec_jax import cli\n"
        "class Slow:\n"
        "    searches, progress_of = False, 'pixels'\n"
        "    def compress(self, image, progress):\n"
        "        with ThreadPoolExecutor() as pool:\n"
        "            print('started', flush=True)\n"
        "            pool.submit(threading.Event().wait, 50).result()\n"
        "cli._open_codec = lambda *_: Slow()\n"
        "sys.argv = ['rec-jax', 'compress', 'in.png', 'out.rec']\n"
        "sys.exit(cli.main())"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    ) as process:
        assert process.stdout.readline() == "started\n"
        for _ in range(n_signals):
            time.sleep(0.2)
            process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=20)[1]
    assert process.returncode == 130 and err == "rec-jax: interrupted; nothing was written\n"
    assert sorted(os.listdir()) == ["in.png", "in.rec"]

"""Where a command of one picture may write."""

import os

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.data import image_files
from tests.cli.fakes import IMAGE
from tests.cli.running import fails


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
    os.mkfifo("pipe.rec")
    fails(capsys, "compress", "in.png", "pipe.rec", "--force", match="pipe.rec is a pipe or a device")
    for command, source, suffix in (("compress", "in.png", ".rec"), ("decompress", "in.rec", ".png")):
        fails(capsys, command, source, ".", match="directory or a device")
        fails(capsys, command, source, "", match="directory or a device")
        fails(capsys, command, source, "/dev/full", "--force", match="a pipe or a device; name a file to write, or -")
        fails(capsys, command, source, f"nowhere/out{suffix}", match="no such directory")
        fails(capsys, command, source, f"in.png/out{suffix}", match="no such directory")
        fails(capsys, command, source, f"{'x' * 300}{suffix}", match="File name too long")
        monkeypatch.setattr(os, "open", forbidden)
        fails(capsys, command, source, f"out{suffix}", match=f"out{suffix}: Permission denied")
        monkeypatch.undo()
    assert fake_codec == []


def test_a_folder_that_is_no_more_is_said_to_be(folder, capsys):
    (folder / "gone").mkdir()
    os.chdir("gone")
    (folder / "gone").rmdir()
    for words in (["../in.png", "out.rec"], [str(folder / "in.png"), "out.rec"], [str(folder / "in.png"), "-o", "out"]):
        assert cli.main(["compress", *words]) == 1
        assert capsys.readouterr().err == "rec-jax: the working directory was removed; change to one that is there\n"
    os.chdir(folder)
    fails(capsys, "info", str(folder / "absent.rec"), match="absent.rec: no such file")


def forbidden(*_, **__):
    raise PermissionError(13, "Permission denied", "/some/temporary/file")


SUFFIXES = ["pgm", "pbm", "pnm", "jfif", "jxl", "avif", "heic", "tga", "npy", "jpg", "ppm", "webp", "tif", "gz", "PN"]


@pytest.mark.parametrize("suffix", [*SUFFIXES, "rec", "png", ""])
def test_a_name_never_promises_another_format(folder, capsys, suffix):
    if suffix != "png":
        fails(capsys, "decompress", "in.rec", f"out.{suffix}", match=".png files are written")
    if suffix != "rec":
        fails(capsys, "compress", "in.png", f"out.{suffix}", match=".rec files are written")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError()])
@pytest.mark.parametrize("command", [["compress", "in.png", "out.rec"], ["decompress", "in.rec", "out.png"]])
def test_full_disk_and_memory(folder, capsys, monkeypatch, error, command):
    def full(*_):
        raise type(error)(*error.args)

    monkeypatch.setattr(os, "fsync", full)
    fails(capsys, *command, match=f"{command[2]}: No space" if isinstance(error, OSError) else "not enough memory")

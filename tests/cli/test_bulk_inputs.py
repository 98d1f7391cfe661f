"""Which files the words of a bulk command mean."""

import argparse
import os

import pytest

from rec_jax.cli.bulk.inputs import Shard, find_inputs, parse_shard
from rec_jax.core.errors import RecError
from rec_jax.data.image_files import is_image_name


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p/a.png", "p/sub/a.JPG", "p/sub/notes.txt", "p/.hidden/b.png", "p/.c.png", "q/z/d.png", "e.tar.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()


def find(*words, folder="out"):
    return find_inputs(list(words), folder, ".rec", is_image_name)


def test_a_folder_keeps_its_structure_and_what_is_not_taken_is_named():
    found = find("p/")
    assert found.items == [("p/a.png", "out/a.rec"), ("p/sub/a.JPG", "out/sub/a.rec")]
    assert sorted(found.left_out) == ["p/.c.png", "p/.hidden/", "p/sub/notes.txt"] and found.missing == []


def test_files_and_patterns():
    assert find("e.tar.png", "./p/a.png").items == [("p/a.png", "out/a.rec"), ("e.tar.png", "out/e.tar.rec")]
    assert find("*/*.png").items == [("p/a.png", "out/p/a.rec")]
    assert find("q/*").items == [("q/z/d.png", "out/z/d.rec")]
    assert find("p/s*/a.*").items == [("p/sub/a.JPG", "out/sub/a.rec")]
    assert find("**/d.png").items == [("q/z/d.png", "out/q/z/d.rec")]
    missing = find("absent.png", "q/*.png", "p/sub/notes.txt")
    assert missing.items == [("p/sub/notes.txt", "out/notes.rec")]  # what is named is taken
    assert missing.missing == ["absent.png: no such file or folder", "q/*.png: no file has such a name"]


def test_a_name_with_the_characters_of_a_pattern_is_a_file(tmp_path):
    (tmp_path / "x[1].png").touch()
    assert find("x[1].png").items == [("x[1].png", "out/x[1].rec")]


def test_a_file_named_twice_is_done_once():
    assert find("p", "p/a.png", "./p//a.png", "p").items == find("p").items


def test_the_folder_of_outputs_is_no_input(tmp_path):
    (tmp_path / "p/out").mkdir()
    (tmp_path / "p/out/a.png").touch()
    (tmp_path / "p/a.rec").touch()
    assert find("p", folder="p/out").items == [("p/a.png", "p/out/a.rec"), ("p/sub/a.JPG", "p/out/sub/a.rec")]
    assert "p/a.rec" in find("p", folder="p/out").left_out
    assert "p/a.rec" not in find("p", folder="p").left_out  # the output of an earlier run


def test_a_folder_that_cannot_be_read_is_told(monkeypatch):
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scan(path) if path != "p/sub" else forbidden(path))
    found = find("p")
    assert found.missing == ["p/sub: Permission denied"] and len(found.items) == 1


def forbidden(path):
    raise PermissionError(13, "Permission denied", path)


def test_what_would_wait_for_a_writer_is_not_taken_unless_named(tmp_path):
    os.mkfifo(tmp_path / "p/pipe.png")
    (tmp_path / "p/to_pipe.png").symlink_to("pipe.png")
    (tmp_path / "p/lost.png").symlink_to("nowhere.png")
    pipes = {"p/pipe.png", "p/to_pipe.png"}
    for word in ("p", "p/*.png", "**/*.png"):
        found = find(word)
        sources = {item.source for item in found.items}
        assert pipes <= set(found.left_out) and not pipes & sources and "p/lost.png" in sources
    assert find("p/pipe.png").items == [("p/pipe.png", "out/pipe.rec")]


def test_a_word_of_no_letters_is_named():
    assert find("").missing == ["'': no such file or folder"]


def test_two_files_never_become_one(tmp_path):
    (tmp_path / "p/a.jpg").touch()
    with pytest.raises(RecError, match=r"p/a.jpg and p/a.png would both become out/a.rec; rename one"):
        find("p")
    with pytest.raises(RecError, match="both become out/a.rec"):
        find("p/a.png", "p/sub/a.JPG")
    (tmp_path / "p/a.jpg").rename(tmp_path / "p/sub/a.gif")
    (tmp_path / "q/a.png").touch()
    with pytest.raises(RecError, match=r"\(and 1 more such\)"):
        find("p", "q")
    (tmp_path / "picture.rec").touch()
    with pytest.raises(RecError, match="is an input and would be an output"):
        find("picture.rec", folder=".")


def test_links_hide_no_input(tmp_path):
    (tmp_path / "picture.rec").touch()
    (tmp_path / "here").symlink_to(".")
    with pytest.raises(RecError, match="picture.rec is an input and would be an output"):
        find("picture.rec", folder="here")
    with pytest.raises(RecError, match="is an input and would be an output"):
        find("here/picture.rec", folder=".")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.rec").symlink_to("../p/a.png")
    with pytest.raises(RecError, match="p/a.png is an input and would be an output"):
        find("p/a.png")
    (tmp_path / "out/a.rec").unlink()
    (tmp_path / "out/a.rec").symlink_to("e.tar.rec")
    with pytest.raises(RecError, match="would both become"):
        find("p/a.png", "e.tar.png")


def test_shards():
    assert parse_shard("2/5") == Shard(2, 5)
    for text in ("0/5", "6/5", "2", "2/", "/5", "a/b", "-1/5", "1/5/5"):
        with pytest.raises(argparse.ArgumentTypeError):
            parse_shard(text)

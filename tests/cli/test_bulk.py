"""`compress` and `decompress` of many files, in this process."""

import os

import numpy as np
import pytest
from PIL import Image

from rec_jax import cli
from rec_jax.codec import container
from rec_jax.codec.embedded import pack_embedded
from rec_jax.core import progress
from tests.cli.fakes import IMAGE, FakeCodec, rec_file

N = 20


@pytest.fixture
def pictures(folder):
    """Twenty pictures in a folder and its subfolder, one larger than the others."""
    (folder / "p/sub").mkdir(parents=True)
    found = {f"sub/{i:02}" if i % 2 else f"{i:02}": IMAGE + np.uint8(i) for i in range(N - 1)}
    found["large"] = np.zeros((2, 40), np.uint8)
    for name, image in found.items():
        Image.fromarray(image).save(f"p/{name}.png")
    return found


def run(capsys, *words, code=0):
    """(lines of stdout, lines of stderr)."""
    assert cli.main(list(words)) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return out.splitlines(), err.splitlines()


def bulk(capsys, *words, code=0):
    return run(capsys, *words, "--jobs", "1", code=code)


def test_there_and_back(capsys, pictures, fake_codec):
    n_bytes = sum(os.path.getsize(f"p/{name}.png") for name in pictures)
    out, err = bulk(capsys, "compress", "p", "-o", "out", "--model", "fake", "--verify")
    n_out = sum(os.path.getsize(f"out/{name}.rec") for name in pictures)
    assert err == [] and len(out) == 1
    assert out[0].startswith(f"out: {N} files written, {n_bytes} bytes to {n_out}; 0 skipped (finished before), 0 f")
    assert len(fake_codec) == 2  # one to see whether it searches
    out, err = bulk(capsys, "decompress", "out", "-o", "back")
    assert err == [] and out[0].startswith(f"back: {N} files written, {n_out} bytes to ")
    for name, image in pictures.items():
        np.testing.assert_array_equal(np.asarray(Image.open(f"back/{name}.png")), image)
    assert len(fake_codec) == 3


def test_small_pictures_are_encoded_in_groups(capsys, pictures, monkeypatch):
    sizes = []
    encode = FakeCodec.encode
    monkeypatch.setattr(FakeCodec, "encode", lambda self, x, measure: sizes.append(len(x)) or encode(self, x, measure))
    bulk(capsys, "compress", "p", "-o", "out")
    assert sizes == [1, 15, 4]  # of the first 16 files one is larger


def test_what_is_finished_is_skipped_by_content(capsys, pictures):
    bulk(capsys, "compress", "p", "-o", "out")
    bulk(capsys, "decompress", "out", "-o", "back")
    before = {name: os.stat(f"{name}").st_mtime_ns for name in ("out/00.rec", "back/00.png")}
    os.remove("out/sub/01.rec")
    os.remove("back/sub/03.png")
    for command, source, target in (("compress", "p", "out"), ("decompress", "out", "back")):
        for more in ((), ("--force",)):
            out, err = bulk(capsys, command, source, "-o", target, *more)
            assert err == [] and f"{N - (not more)} skipped" in out[0] and f"{1 - len(more)} files written" in out[0]
    assert before == {name: os.stat(name).st_mtime_ns for name in before}


def test_other_content_is_replaced_only_by_force(capsys, pictures, folder):
    bulk(capsys, "compress", "p", "-o", "out")
    bulk(capsys, "decompress", "out", "-o", "back")
    (folder / "out/04.rec").write_bytes(rec_file())  # whole, of the same size, of another picture
    (folder / "out/02.rec").write_bytes(b"precious")
    (folder / "out/sub/01.rec").write_bytes((folder / "out/sub/01.rec").read_bytes()[:-1])
    out, err = bulk(capsys, "compress", "p", "-o", "out", code=1)
    assert len(err) == 3 and all("exists and does not hold this picture; add --force" in line for line in err)
    assert "3 failed" in out[0] and (folder / "out/02.rec").read_bytes() == b"precious"
    out, err = bulk(capsys, "compress", "p", "-o", "out", "--force")
    assert err == [] and "3 files written" in out[0]
    Image.fromarray(IMAGE ^ 1).save("back/00.png")
    (folder / "back/02.png").write_bytes(b"precious")
    assert len(bulk(capsys, "decompress", "out", "-o", "back", code=1)[1]) == 2
    assert "2 files written" in bulk(capsys, "decompress", "out", "-o", "back", "--force")[0][0]


def test_one_failure_is_one_line_and_the_others_go_on(capsys, pictures, folder, monkeypatch):
    (folder / "p/04.png").write_bytes((folder / "p/04.png").read_bytes()[:60])
    (folder / "p/notes.txt").touch()
    out, err = bulk(capsys, "compress", "p", "absent.png", "-o", "out", code=1)
    assert len(err) == 3 and "2 failed" in out[0] and f"{N - 1} files written" in out[0]
    assert err[0] == "rec-jax: 1 not taken: p/notes.txt"
    assert err[1] == "rec-jax: absent.png: no such file or folder"
    assert err[2].startswith("rec-jax: p/04.png is truncated or damaged")
    (folder / "out/06.rec").write_bytes(rec_file(stream=bytes(IMAGE.nbytes)))
    (folder / "out/08.rec").write_bytes(rec_file(model_id=7))
    (folder / "out/10.rec").write_bytes(b"")
    (folder / "out/emb.rec").write_bytes(pack_embedded(IMAGE))
    out, err = bulk(capsys, "decompress", "out", "-o", "back", code=1)
    assert len(err) == 3 and "3 failed" in out[0] and f"{N - 1 - 3 + 1} files written" in out[0]
    for name, words in (("06", "checksum"), ("08", "--model PATH"), ("10", "empty")):
        assert any(line.startswith(f"rec-jax: out/{name}.rec: ") and words in line for line in err), err


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device")])
def test_memory_and_disk(capsys, pictures, monkeypatch, error):
    """What one picture is too much for is no failure of those that are encoded with it."""
    compress = FakeCodec.compress

    def full(self, image, progress=None):
        if np.array_equal(image, pictures["06"]):
            raise type(error)(*error.args)
        return compress(self, image)

    monkeypatch.setattr(FakeCodec, "compress", full)
    out, err = bulk(capsys, "compress", "p", "-o", "out", code=1)
    assert len(err) == 1 and err[0].startswith("rec-jax: p/06.png: ") and f"{N - 1} files written" in out[0]
    assert not os.path.exists("out/06.rec")


def test_what_cannot_be_written_is_told(capsys, pictures, folder):
    (folder / "out").mkdir()
    (folder / "out/sub").touch()
    (folder / "out/00.rec").mkdir()
    out, err = bulk(capsys, "compress", "p", "-o", "out", code=1)
    assert len(err) == N // 2 and all("out/" in line for line in err)
    assert f"{N // 2} files written" in out[0]


def test_a_lying_codec_is_found(capsys, pictures, monkeypatch):
    decompress = FakeCodec.decompress
    lie = lambda self, data: decompress(self, data) ^ (container.unpack(data)[0].width == 40)  # noqa: E731
    monkeypatch.setattr(FakeCodec, "decompress", lie)
    _, err = bulk(capsys, "compress", "p", "-o", "out", "--verify", code=1)
    assert err == ["rec-jax: p/large.png: the file did not decode to its pixels; it was not written"]
    assert not os.path.exists("out/large.rec")


def test_what_is_wrong_with_the_command_is_told_before_any_work(capsys, pictures, folder, monkeypatch):
    (folder / "p/00.jpg").write_bytes(b"")
    (folder / "file").touch()
    (folder / "empty").mkdir()
    (folder / "dangling").symlink_to("nowhere")
    for words, match in (
        (["p", "-o", "out"], "would both become out/00.rec"),
        (["p/00.png", "-o", "file"], "file is a file; name a folder"),
        (["p/00.png", "-o", "file/below"], "file/below: Not a directory"),
        (["p/00.png", "-o", "dangling"], "dangling is a link to nothing"),
        (["p/00.png", "-o", "dangling/below/"], "dangling is a link to nothing"),
        (["p/00.png", "-o", "x" * 300], "x: File name too long"),
        (["empty", "-o", "out"], "empty: nothing to do there"),
        (["p/00.png", "-o", "out", "--model", "absent"], "no model 'absent'"),
    ):
        out, err = bulk(capsys, "compress", *words, code=1)
        assert out == [] and len(err) == 1 and match in err[0], err
    assert not os.path.exists("out")


def test_no_folder_is_made_for_nothing(capsys, pictures, folder):
    (folder / "in.rec").write_bytes(pack_embedded(IMAGE))
    for words, match in (
        (["compress", "absent.png"], "absent.png: no such file"),
        (["compress", "in.rec"], "in.rec is not a picture"),
        (["compress", "p", "--model", "absent"], "no model 'absent'"),
        (["decompress", "in.rec", "in.rec", "--model", "absent"], "neither a file nor a shipped model"),
    ):
        _, err = bulk(capsys, *words, "-o", "out/below", code=1)
        assert len(err) == 1 and match in err[0] and not os.path.exists("out")


def test_a_folder_that_cannot_be_written_is_named_itself(capsys, pictures, monkeypatch):
    def read_only(*_, **__):
        raise OSError(30, "Read-only file system", "/some/temporary/file")

    monkeypatch.setattr(os, "open", read_only)
    for name in ("p", "out/below"):
        _, err = bulk(capsys, "compress", "p/00.png", "-o", name, code=1)
        assert err == [f"rec-jax: {name}: Read-only file system"]


def test_shards_share_the_files(capsys, pictures, folder):
    for i in (1, 2, 3):
        out, _ = bulk(capsys, "compress", "p", "-o", "out", "--shard", f"{i}/3")
        assert f"{(N + 3 - i) // 3} files written" in out[0] and "0 skipped" in out[0]
    assert len(list(folder.glob("out/**/*.rec"))) == N


def test_progress_counts_files(capsys, pictures, monkeypatch):
    monkeypatch.setattr(progress, "_QUIET_S", 0.0)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    os.remove("p/00.png")
    _, err = bulk(capsys, "compress", "p", "absent.png", "-o", "out", code=1)
    assert any(f"rec-jax: files: {N} of {N}" in line for line in err)
    assert any("rec-jax: absent.png: no such file" in line.rpartition("\x1b[K")[2] for line in err)


def test_an_interrupt_is_one_line(capsys, pictures, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(FakeCodec, "encode", interrupt)
    _, err = bulk(capsys, "compress", "p", "-o", "out", code=130)
    assert err == ["rec-jax: interrupted; what is written is whole, and the same command goes on from there"]


def test_an_output_that_is_no_file_is_told_and_not_waited_for(capsys, pictures):
    os.makedirs("out/00.rec")
    os.mkfifo("out/02.rec")
    for words in ((), ("--force",)):
        _, err = bulk(capsys, "compress", "p/00.png", "p/02.png", "p/04.png", "-o", "out", *words, code=1)
        assert err == [
            f"rec-jax: out/0{i}.rec would be written and is a folder or a device; move it, or name another -o"
            for i in (0, 2)
        ]
    assert os.path.isdir("out/00.rec")


def test_no_name_is_no_folder(capsys, pictures):
    with pytest.raises(SystemExit) as ended:
        cli.main(["compress", "p", "-o", ""])
    assert ended.value.code == 2 and "-o '' names no folder" in capsys.readouterr().err

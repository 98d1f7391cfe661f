"""Files are written whole or not at all."""

import os
import resource
import subprocess
import sys

import pytest

from rec_jax.core import temporary_files
from rec_jax.core.errors import CorruptFile, MissingFile, RecError
from rec_jax.core.files import check_writable, make_folder, open_atomic, read_bytes, write_bytes_atomic


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.rec"
    for data in (b"first", b"second"):
        write_bytes_atomic(path, data)
        assert path.read_bytes() == data
    assert os.listdir(tmp_path) == ["a.rec"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def test_a_file_in_pieces_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "a.npy"
    with open_atomic(path) as file:
        for piece in (b"12", b"345"):
            file.write(piece)
        assert not path.exists()
    assert path.read_bytes() == b"12345"
    with pytest.raises(ZeroDivisionError), open_atomic(path) as file:
        file.write(b"half")
        _ = 1 / 0
    assert os.listdir(tmp_path) == ["a.npy"] and path.read_bytes() == b"12345"


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.fixture(params=["unnamed", "hidden"])
def way(request, monkeypatch):
    """Files without a name, and systems that have none."""
    if request.param == "hidden":
        monkeypatch.setattr(temporary_files, "_open_unnamed", lambda folder: None)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_failure_leaves_what_was_there(tmp_path, monkeypatch, error, function, way):
    path = tmp_path / "a.rec"
    path.write_bytes(b"old")

    def fail(*_):
        raise type(error)(*error.args)

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(type(error)) as caught:
        write_bytes_atomic(path, b"new")
    assert os.listdir(tmp_path) == ["a.rec"] and path.read_bytes() == b"old"
    if isinstance(error, OSError):
        assert caught.value.filename == str(path)


def test_an_error_of_another_file_keeps_its_name(tmp_path, way):
    with pytest.raises(FileNotFoundError) as caught, open_atomic(tmp_path / "a"):
        (tmp_path / "b").read_bytes()
    assert caught.value.filename == str(tmp_path / "b")


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_replaced_file_hands_on_its_permissions(tmp_path, mode, way):
    path = tmp_path / "a.rec"
    path.touch()
    path.chmod(mode)
    write_bytes_atomic(path, b"new")
    assert path.stat().st_mode & 0o7777 == mode and path.read_bytes() == b"new" and len(os.listdir(tmp_path)) == 1


def test_make_folder_sweeps_so_that_the_writing_of_many_files_need_not(tmp_path):
    make_folder(tmp_path / "a/b")
    (tmp_path / "a/b/.b.rec.0123456789ab.part").touch()
    write_bytes_atomic(tmp_path / "a/b/c.rec", b"1", sweep=False)
    assert len(os.listdir(tmp_path / "a/b")) == 2
    make_folder(tmp_path / "a/b")
    assert os.listdir(tmp_path / "a/b") == ["c.rec"]


def test_leftovers_of_killed_processes_are_swept_and_files_at_work_are_not(tmp_path, monkeypatch):
    (tmp_path / ".b.rec.0123456789ab.part").touch()
    (tmp_path / ".b.rec.part").touch()  # somebody else's
    monkeypatch.setattr(temporary_files, "_open_unnamed", lambda folder: None)
    with open_atomic(tmp_path / "a.rec") as file:
        write_bytes_atomic(tmp_path / "c.rec", b"2")  # sweeps, while a.rec is at work
        file.write(b"1")
    assert sorted(os.listdir(tmp_path)) == [".b.rec.part", "a.rec", "c.rec"]
    assert (tmp_path / "a.rec").read_bytes() == b"1"


def test_a_file_is_no_leftover_until_it_has_taken_its_place(tmp_path, monkeypatch, way):
    path, replace = tmp_path / "a.rec", temporary_files._replace

    def sweep_and_replace(temporary, target):
        temporary_files.sweep_folder(str(tmp_path))  # as another process would
        replace(temporary, target)

    monkeypatch.setattr(temporary_files, "_replace", sweep_and_replace)
    for data in (b"first", b"second"):
        write_bytes_atomic(path, data)
        assert path.read_bytes() == data and os.listdir(tmp_path) == ["a.rec"]


def test_the_error_of_a_file_that_went_away_names_the_path(tmp_path, monkeypatch, way):
    path = tmp_path / "a.rec"
    path.write_bytes(b"old")
    remove = os.unlink

    def fail(temporary, target):
        remove(temporary)
        raise OSError(5, "Input/output error", temporary)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="Input/output error") as caught:
        write_bytes_atomic(path, b"new")
    assert caught.value.filename == str(path) and path.read_bytes() == b"old"


def test_what_can_be_written_is_known_before(tmp_path, way):
    (tmp_path / "a").touch()
    for path in (tmp_path / "a", tmp_path / "new"):
        check_writable(path)
    assert os.listdir(tmp_path) == ["a"]
    for path in (tmp_path, "/dev/full", f"{tmp_path}/new/", "", tmp_path / "no" / "a", tmp_path / "a" / "b"):
        with pytest.raises(RecError):
            check_writable(path)
    for path in (tmp_path / ("x" * 300), "/proc/x"):
        with pytest.raises(OSError) as caught:
            check_writable(path)
        assert caught.value.filename == str(path)


def test_a_file_system_that_takes_no_more(tmp_path):
    """A real failure of write(2), from a limit on file sizes in another process."""
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from rec_jax.core.files import write_bytes_atomic\n"
        f"write_bytes_atomic({str(tmp_path / 'a.rec')!r}, bytes(10_000))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "File too large" in done.stderr and os.listdir(tmp_path) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_follows_a_link_and_refuses_a_device(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_bytes_atomic(tmp_path / "link", b"x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"x"
    for path in ("/dev/full", tmp_path):
        with pytest.raises(OSError, match="not a regular file"):
            write_bytes_atomic(path, b"x")


def test_read_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert read_bytes(path, 5) == b"12345"
    with pytest.raises(CorruptFile, match="at most 4"):
        read_bytes(path, 4)
    with pytest.raises(MissingFile, match="no such file"):
        read_bytes(tmp_path / "b", 4)
    for path in (tmp_path, "/dev/zero"):
        with pytest.raises(CorruptFile, match="directory or a device"):
            read_bytes(path, 4)


def test_a_pipe_is_read_to_its_end_and_no_further_than_allowed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for limit in (300_000, 299_999):
        with subprocess.Popen(["dd", "if=/dev/zero", f"of={tmp_path / 'pipe'}", "bs=100000", "count=3", "status=none"]):
            if limit == 300_000:
                assert read_bytes(tmp_path / "pipe", limit) == bytes(300_000)
            else:
                with pytest.raises(CorruptFile, match="pipe has more than 299999 bytes"):
                    read_bytes(tmp_path / "pipe", limit)

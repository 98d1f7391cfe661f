"""Files are written whole or not at all."""

import os
import resource
import subprocess
import sys

import pytest

from rec_jax.core.errors import CorruptFile, MissingFile
from rec_jax.core.files import open_atomic, read_bytes, write_bytes_atomic


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


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_failure_leaves_what_was_there(tmp_path, monkeypatch, error, function):
    path = tmp_path / "a.rec"
    path.write_bytes(b"old")

    def fail(*_):
        raise error

    monkeypatch.setattr(os, function, fail)
    with pytest.raises(type(error)):
        write_bytes_atomic(path, b"new")
    assert os.listdir(tmp_path) == ["a.rec"] and path.read_bytes() == b"old"


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

"""Identity of rows, one writer, and files that survive a kill."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rec_jax.core import rows
from rec_jax.core.errors import CorruptFile, RecError
from rec_jax.core.json_rows import read_rows
from rec_jax.core.locks import locked
from rec_jax.core.rows import (
    arrays_digest,
    code_digest,
    files_digest,
    git_hash,
    make_stamp,
    open_rows,
    program_key,
    row_id,
    source_digest,
)

ROOT = Path(__file__).resolve().parents[2]
HOLD = "from pathlib import Path\nfrom rec_jax.core.{module} import {what}\nwith {what}(Path({path!r})) as log: {do}\n"


def holder(what, path, do):
    """A process that has printed a line inside the block."""
    module = "locks" if what == "locked" else "rows"
    words = [sys.executable, "-c", HOLD.format(module=module, what=what, path=str(path), do=do)]
    process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    return process


def test_an_id_is_of_every_value_and_not_of_their_order():
    assert row_id({"a": 1, "b": 2}) == row_id({"b": 2, "a": 1}) != row_id({"a": 1, "b": 3})
    with pytest.raises(TypeError):
        row_id({"a": np.float32(1)})


def test_comments_and_docstrings_are_not_code():
    assert source_digest('def f(x):\n    """A."""\n    return x  # y') == source_digest("def f(x):\n    return (x)\n")
    assert source_digest("x = 1") != source_digest("x = 2")


def test_the_code_of_every_folder_counts_and_that_of_no_bits_does_not(tmp_path, monkeypatch):
    files = {"coders/tree/coder.py": "a = 1", "core/prng.py": "b = 1", "train/loop.py": "c = 1", "cli/info.py": "d = 1"}
    for name, source in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(source)
    monkeypatch.setattr(rows, "PACKAGE", tmp_path)
    digests = [code_digest.__wrapped__()]
    for name in files:
        (tmp_path / name).write_text(files[name].replace("1", "2"))
        digests.append(code_digest.__wrapped__())
    assert len(set(digests)) == 3 and digests[2] == digests[3] == digests[4]
    assert code_digest.__wrapped__(("coders",)) != digests[-1]
    assert files_digest(tmp_path / "cli/info.py") != files_digest(tmp_path / "core/prng.py")


def test_the_libraries_are_part_of_the_program(monkeypatch):
    before = program_key()
    assert {"code", "jax", "jaxlib", "numpy", "constriction", "device"} == set(before)
    assert program_key(("train",))["code"] != before["code"]
    monkeypatch.setattr(rows, "_versions", lambda: dict.fromkeys(rows.LIBRARIES, "0.0"))
    assert row_id(program_key()) != row_id(before)


def test_arrays_differ_by_value_shape_and_type():
    a = np.arange(6, dtype=np.uint8)
    others = [a[::-1], a.reshape(2, 3), a.astype(np.int8)]
    assert len({arrays_digest([x]) for x in (a, *others)}) == 4
    assert arrays_digest([a, a]) != arrays_digest([a]) == arrays_digest(iter([a.copy()]))


def test_a_stamp_says_where_and_when():
    stamp = make_stamp(coder="x")()
    assert stamp["coder"] == "x" and stamp["git"] == git_hash() and stamp["peak_memory_bytes"] > 1e6
    assert {"jax", "numpy", "device", "python", "date"} < set(json.loads(json.dumps(stamp)))


def test_no_hash_is_taken_from_a_repository_around_an_installed_package(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    monkeypatch.setattr(rows, "PACKAGE", tmp_path / "venv" / "rec_jax")
    assert git_hash.__wrapped__() == "unknown"


@pytest.mark.parametrize("what, name", [("locked", "workdir"), ("open_rows", "deep/rows.jsonl")])
def test_a_second_process_is_told_in_one_line_and_a_kill_frees_the_lock(tmp_path, what, name):
    path, take = tmp_path / name, {"locked": locked, "open_rows": open_rows}[what]
    process = holder(what, path, "print('in', flush=True); input()")
    try:
        with pytest.raises(RecError, match="in use by another run") as caught, take(path):
            pass
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    finally:
        process.kill()
        process.wait()
    with take(path):
        pass


def test_rows_survive_a_kill_in_the_middle(tmp_path):
    path = tmp_path / "rows.jsonl"
    process = holder("open_rows", path, "log.append({'image': 0}, {'image': 1}); print('in', flush=True); input()")
    process.send_signal(signal.SIGKILL)
    process.wait()
    with path.open("a") as file:
        file.write('{"image": 2, "val')
    with open_rows(path) as log:
        assert log.rows == [{"image": 0}, {"image": 1}]
        log.append({"image": 2})
    assert read_rows(path) == [{"image": 0}, {"image": 1}, {"image": 2}]


def test_a_damaged_line_is_named_and_nothing_is_lost(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"image": 0}\n{"im\n{"image": 2}\n{"ima')
    before = path.read_bytes()
    with pytest.raises(CorruptFile, match="line 2"), open_rows(path):
        pass
    assert path.read_bytes() == before

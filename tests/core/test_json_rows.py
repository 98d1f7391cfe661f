import pytest

from rec_jax.core.errors import CorruptFile
from rec_jax.core.json_rows import read_rows, write_rows

ROWS = [{"step": 1, "loss": 0.1 + 0.2}, {"step": 2, "name": "é\n", "none": None}]


def test_rows_come_back_exactly_and_more_may_follow(tmp_path):
    path = tmp_path / "rows.jsonl"
    assert read_rows(path) == []
    write_rows(path, ROWS[:1])
    with path.open("a") as file:
        file.write('{"step": 2}\n')
    assert read_rows(path) == [*ROWS[:1], {"step": 2}]
    write_rows(path, ROWS)
    assert read_rows(path) == ROWS


def test_a_row_cut_by_a_kill_is_dropped_wherever_it_was_cut(tmp_path):
    path = tmp_path / "rows.jsonl"
    write_rows(path, ROWS)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert read_rows(path) == ROWS[: whole[:length].count(b"\n")]


def test_a_damaged_row_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"step": 1}\n{"st\n{"step": 3}\n')
    with pytest.raises(CorruptFile, match=r"rows.jsonl: line 2 is damaged"):
        read_rows(path)

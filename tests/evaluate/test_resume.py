"""A killed evaluation goes on where it was; the coding itself is left out here."""

import numpy as np
import pytest

from rec_jax.core.errors import RecError
from rec_jax.core.json_rows import read_rows, write_rows
from rec_jax.core.rows import open_rows
from rec_jax.evaluate import compression

IMAGES = [np.full((2, 2, 3), i, np.uint8) for i in range(5)]


@pytest.fixture
def measured(monkeypatch):
    """The numbers of the images measured so far; killed at image 3 the first time."""
    numbers, killed = [], []

    def measure(codec, images, batch, seed, missing):
        for image, number in zip(images, batch, strict=True):
            if number not in missing:
                continue
            if number == 3 and not killed:
                killed.append(number)
                raise KeyboardInterrupt
            numbers.append(number)
            yield {"image": number, "value": int(image[0, 0, 0]) / 7}

    monkeypatch.setattr(compression, "_measure", measure)
    return numbers


def test_a_killed_evaluation_resumes_without_gap_or_duplicate(tmp_path, measured):
    path = tmp_path / "deep" / "rows.jsonl"
    with pytest.raises(KeyboardInterrupt):
        compression.compress_images(None, IMAGES, path, batch_size=2, stamp=lambda: {"git": "x"})
    with path.open("a") as file:
        file.write('{"image": 3, "val')
    rows = compression.compress_images(None, IMAGES, path, batch_size=2, stamp=lambda: {"git": "x"})
    assert measured == [0, 1, 2, 2, 3, 4]  # the batch that was not whole begins anew
    assert [row["value"] for row in rows] == [i / 7 for i in range(5)]
    assert read_rows(path) == [{"image": i, "value": i / 7, "git": "x"} for i in range(5)]


def test_a_second_process_may_not_write_the_same_rows(tmp_path, measured):
    path = tmp_path / "rows.jsonl"
    with open_rows(path), pytest.raises(RecError, match="in use by another run"):
        compression.compress_images(None, IMAGES, path)
    assert measured == []


def test_progress_counts_what_is_left(tmp_path, measured):
    path, steps = tmp_path / "rows.jsonl", []
    write_rows(path, [{"image": 1, "value": 0.0}])
    compression.compress_images(None, IMAGES[:3], path, batch_size=1, progress=steps.append)
    assert steps == [1, 1] and measured == [0, 2]

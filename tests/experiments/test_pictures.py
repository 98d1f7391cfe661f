"""Synthetic pictures are the same every time, and none is larger than its WebP; the experiment runs to its end."""

import re

import numpy as np
import pytest

from experiments.pictures import compare, processes
from experiments.pictures.__main__ import main
from experiments.pictures.compare import MOST_BEHIND, CompareCase
from experiments.pictures.drawings import text
from experiments.pictures.patterns import checkerboard, deep_smooth, few_colours, one_bit, radial, speckled
from experiments.pictures.synthetic import SYNTHETIC

SMALL = {
    "text": lambda: text(60, 90, 13),
    "one-bit text": lambda: text(60, 90, 13, "1"),
    "checkerboard": lambda: checkerboard(50, 50, 8, grey=False),
    "radial": lambda: radial(48, 64),
    "one bit": lambda: one_bit(48, 64),
    "speckled": lambda: speckled(48, 64),
    "six colours": lambda: few_colours(40, 40, 6),
    "16-bit sensor": lambda: deep_smooth(40, 50),
}


def test_every_picture_is_of_its_size_and_type():
    for name, make in SYNTHETIC.items():
        width, height = map(int, re.search(r"(\d+)x(\d+)$", name).groups())
        if height * width < 1 << 19:
            image = make()
            assert image.shape[:2] == (height, width), name
            assert image.dtype == (np.uint16 if name.startswith("16-bit") else np.uint8)
            np.testing.assert_array_equal(make(), image)


@pytest.mark.parametrize("name", SMALL)
def test_no_kind_is_larger_than_its_webp(monkeypatch, name):
    monkeypatch.setattr(compare, "SYNTHETIC", SMALL)
    row = CompareCase(name).measure()
    assert row["bytes"] <= row["rival_bytes"] + MOST_BEHIND
    assert "TOO LARGE" not in CompareCase(name).line(row) and row["wall_s"] > 0


def test_the_experiment(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(processes, "PHOTOGRAPHS", ((9, 8),))
    words = ["--quick", "--n_calls=1", f"--out={tmp_path}"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "gradient 8x8" in out and "photograph 8x9" in out and "GB" in out
    assert main([*words, "--only=synthetic"]) == 0
    assert "6 of them done before" in capsys.readouterr().out

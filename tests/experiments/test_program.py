"""How programs of experiments end, and what their words may be."""

import argparse

import pytest
from PIL import Image

from experiments import bits_back, integer_elbo, portability
from experiments.bench import __main__ as bench
from experiments.coders import table
from experiments.pictures import __main__ as pictures
from experiments.pictures.processes import process_cases
from experiments.program import GOES_ON, at_least, ends_in_a_line
from experiments.table1 import __main__ as table1
from rec_jax.core.errors import ConfigError
from tests.codec.tiny_lossy import photograph


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ConfigError("no\nway"), "no way"),
        (FileNotFoundError(2, "No such file or directory", "x.png"), "x.png: No such file or directory"),
        (MemoryError(), "not enough memory"),
        (KeyboardInterrupt(), GOES_ON),
    ],
)
def test_what_is_not_the_programs_fault_is_a_line(capsys, error, line):
    @ends_in_a_line("mine", GOES_ON)
    def main(argv=None):
        raise error

    assert main() == 1
    assert capsys.readouterr() == ("", f"mine: {line}\n")


def test_a_mistake_of_the_program_keeps_its_traceback():
    @ends_in_a_line("mine")
    def main(argv=None):
        raise KeyError("x")

    with pytest.raises(KeyError):
        main([])


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "many", ""])
def test_counts_are_whole_numbers(text):
    with pytest.raises(argparse.ArgumentTypeError, match="at least 1"):
        at_least(1)(text)
    assert at_least(1)("7") == 7


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (table.main, ["--n_calls=0"]),
        (table.main, ["--n_targets=0"]),
        (pictures.main, ["--n_calls=0"]),
        (integer_elbo.main, ["--data_dir=.", "--n=0"]),
        (bits_back.main, ["--n=0"]),
    ],
)
def test_words_that_cannot_be_end_before_anything_is_measured(main, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 2 and words[-1].partition("=")[0] in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (pictures.main, ["nope.png"]),
        (integer_elbo.main, ["--data_dir=nope"]),
        (portability.main, ["--kodak_dir=nope"]),
        (table1.main, ["--workdir=runs", "--data_dir=nope"]),
    ],
)
def test_paths_that_are_not_there_are_told_before_anything_is_measured(main, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(words) == 1
    assert "nope" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_bench_tells_an_unknown_model_once(capsys, tmp_path):
    assert bench.main(["--model=nope", f"--out={tmp_path}"]) == 1
    assert capsys.readouterr().err.count("no model 'nope'") == 1 and not list(tmp_path.iterdir())


def test_pictures_of_one_name_have_rows_of_their_own(tmp_path):
    paths = [tmp_path / folder / "a.png" for folder in "xyz"]
    for path, side in zip(paths, (8, 8, 9), strict=True):
        path.parent.mkdir()
        Image.fromarray(photograph(side, side)).save(path)
    cases = process_cases(list(map(str, paths)), n_calls=1, quick=True)[:3]
    assert len({case.title for case in cases}) == 3
    keys = [case.key() | {"title": ""} for case in cases]
    assert keys[0] == keys[1] != keys[2]  # by the pixels

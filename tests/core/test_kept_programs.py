"""Compiled programs in files: what comes out never depends on them, and a second process traces nothing."""

import dataclasses
import functools
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from rec_jax.core import kept_programs
from rec_jax.core.kept_programs import KeptPrograms, Program
from rec_jax.models.likelihoods.logistic import Logistic

TRACED = []


class Pair(NamedTuple):
    sums: jax.Array
    nothing: None


@functools.partial(Program, static_argnums=(0, 2))
def scaled(model, x, factor):
    """A program that takes no time to compile."""
    TRACED.append(factor)
    return Pair(factor * x["x"].sum(), None), x["y"] + 1


MODEL = Logistic(3)
X = {"x": np.arange(4, dtype=np.float32), "y": np.float32(2)}


@pytest.fixture
def folder(tmp_path):
    """Of programs; jax's own cache is off."""
    before = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()
    TRACED.clear()
    yield tmp_path / "programs"
    jax.config.update("jax_compilation_cache_dir", before)
    reset_cache()


def check(kept, factor=3.0, model=MODEL):
    """What comes out is right; returns how often the function was traced for it."""
    before = len(TRACED)
    pair, y = kept(scaled, model, X, factor)
    assert isinstance(pair, Pair) and pair.nothing is None
    assert (float(pair.sums), float(y)) == (factor * 6, 3.0)
    scaled.jitted.clear_cache()
    return len(TRACED) - before


def test_what_one_process_compiled_another_does_not_trace(folder):
    first = KeptPrograms(folder)
    assert check(first) == 1 and check(first) == 0
    assert check(KeptPrograms(folder)) == 0
    assert len(list(folder.iterdir())) == 1


def test_other_arguments_code_or_settings_are_another_program(folder, monkeypatch):
    kept = KeptPrograms(folder)
    assert [check(kept), check(kept, 2.0), check(kept, 3), check(kept, model=Logistic(6))] == [1, 1, 1, 1]
    longer = {"x": np.zeros(5, np.float32), "y": np.float64(1)}
    kept(scaled, MODEL, longer, 3.0)
    assert len(list(folder.iterdir())) == 5
    monkeypatch.setattr(kept_programs, "_sources", lambda: "another version")
    assert check(KeptPrograms(folder)) == 1
    monkeypatch.setenv("XLA_FLAGS", "--xla_dump_to=")
    kept_programs._runtime.cache_clear()
    assert check(KeptPrograms(folder)) == 1
    kept_programs._runtime.cache_clear()
    assert len(list(folder.iterdir())) == 7


def test_a_source_that_changes_changes_the_hash(tmp_path, monkeypatch):
    def digest():
        kept_programs._sources.cache_clear()
        return kept_programs._sources()

    here = tmp_path / "kept_programs.py"
    monkeypatch.setattr(kept_programs, "_PACKAGE", tmp_path)
    monkeypatch.setattr(kept_programs, "__file__", str(here))
    with pytest.raises(kept_programs._Unnamed):
        digest()  # a package that does not lie in files
    here.write_text("x = 1")
    found = {digest()}
    here.write_text("x = 2")
    found.add(digest())
    here.rename(tmp_path / "other.py")
    here.write_text("")
    found.add(digest())
    kept_programs._sources.cache_clear()
    assert len(found) == 3


def flip(data):
    return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]


def of_another_program(data):
    compiled = scaled.jitted.lower(MODEL, X | {"x": np.zeros(9, np.float32)}, 3.0).compile()
    return kept_programs._pack(compiled)


DAMAGES = dict(empty=lambda data: b"", cut=lambda data: data[:-5], flipped=flip, other=of_another_program)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_file_that_is_of_no_use_is_written_anew(folder, damage):
    check(KeptPrograms(folder))
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert check(KeptPrograms(folder)) == 1
    assert check(KeptPrograms(folder)) == 0


def test_a_folder_that_cannot_be_written_costs_only_time(folder):
    folder.write_text("a file")
    kept = KeptPrograms(folder)
    assert check(kept) == 1 and check(kept) == 0


@dataclasses.dataclass(frozen=True)
class Users:
    """A class whose code is not this package's, so that no hash would notice a change of it."""


@dataclasses.dataclass(frozen=True)
class UsersLogistic(Logistic):
    """As Users."""


@pytest.mark.parametrize("model", [Users(), UsersLogistic(3), (MODEL, Users()), Path("x")])
def test_programs_of_foreign_classes_are_not_kept(folder, model):
    assert not kept_programs.can_be_kept((model,))
    assert check(KeptPrograms(folder), model=model) == 1
    assert not folder.exists()


def test_beside_a_cache_of_jax_nothing_is_kept(folder):
    """What comes from there lacks its code when it is stored once more."""
    assert kept_programs.can_be_kept((MODEL,))
    jax.config.update("jax_compilation_cache_dir", str(folder))
    assert not kept_programs.can_be_kept((MODEL,))
    assert check(KeptPrograms(folder)) == 1
    assert not list(folder.glob("*.program"))

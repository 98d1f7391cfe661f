import importlib
import sys

import pytest

from rec_jax.core.loading_jax import without_etils


@pytest.fixture
def nothing_loaded(monkeypatch):
    for name in ("jax", "etils"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_etils_is_not_found_while_jax_is_loaded_and_is_afterwards(nothing_loaded):
    with pytest.raises(RuntimeError), without_etils():
        with pytest.raises(ImportError):
            importlib.import_module("etils")
        raise RuntimeError
    assert "etils" not in sys.modules


@pytest.mark.parametrize("name", ["jax", "etils"])
def test_what_is_loaded_stays(nothing_loaded, monkeypatch, name):
    before = sys.modules.get("etils")
    monkeypatch.setitem(sys.modules, name, pytest)
    with without_etils():
        assert sys.modules[name] is pytest and sys.modules.get("etils") in (before, pytest)

"""No home folder, no device: what a process lacks is one line or costs only time."""

import pathlib

import jax
import pytest

from rec_jax.core import compilation
from rec_jax.core.errors import ConfigError
from rec_jax.core.paths import expand_home


def homeless(self):
    raise RuntimeError("Could not determine home directory.")


def test_without_a_home_nothing_is_cached(monkeypatch, tmp_path):
    monkeypatch.delenv("REC_JAX_CACHE_DIR", raising=False)
    monkeypatch.setattr(pathlib.Path, "expanduser", homeless)
    assert compilation.enable_compilation_cache() is None


def test_a_cache_that_cannot_be_made_is_none(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("REC_JAX_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert compilation.enable_compilation_cache() is None


def test_a_home_that_is_not_there_is_one_line(monkeypatch):
    with pytest.raises(ConfigError, match="^~nobody_of_this_name/x: this user has no home folder"):
        expand_home("~nobody_of_this_name/x")


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("Unable to initialize\n backend 'tpu'")])
def test_a_device_that_is_not_here_is_one_line(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(jax, "devices", fail)
    monkeypatch.setenv("JAX_PLATFORMS", "tpu")
    with pytest.raises(ConfigError, match="^JAX_PLATFORMS=tpu names a device that is not here.*=cpu$") as caught:
        compilation.check_device()
    assert "\n" not in str(caught.value)
    monkeypatch.delenv("JAX_PLATFORMS")
    with pytest.raises(ConfigError, match="no device"):
        compilation.check_device()

"""Where jax computes exactly, and where it searches: process-wide settings of jax change neither."""

import contextlib
from collections.abc import Generator

import jax


@contextlib.contextmanager
def exact_jax() -> Generator[None]:
    """64-bit types are what they say; for the exact networks on a device."""
    with _settings(x64=True):
        yield


@contextlib.contextmanager
def search_jax() -> Generator[None]:
    """The defaults of a plain process: float32, 32-bit integers, standard promotion; for everything an encoder does."""
    with _settings(x64=False):
        yield


@contextlib.contextmanager
def _settings(x64: bool) -> Generator[None]:
    with (
        jax.enable_x64(x64),
        jax.threefry_partitionable(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.disable_jit(False),
        jax.transfer_guard("allow"),
    ):
        yield

"""How large a model may be, and checks that several kinds share."""

from itertools import pairwise
from typing import Any

from rec_jax.core.errors import ConfigError
from rec_jax.models.likelihoods.base import MAX_COMPONENTS

ABSENT_FIELDS = {"border": False}  # what a field of a model section means that older ones lack
MAX_LEVELS, MAX_LAYERS, MAX_CHANNELS, MAX_STRIDE = 8, 1024, 4096, 64


def n_components(config: Any) -> int:
    """model.n_components: of a mixture."""
    n = config["n_components"]
    if type(n) is not int or not 1 <= n <= MAX_COMPONENTS:
        raise ConfigError(f"model.n_components={n!r}: a mixture has 1 to {MAX_COMPONENTS}")
    return n


def check_rows(rows: Any, n: int, names: str) -> None:
    """That model.levels is a sequence of rows of n integers, which are called `names`."""
    if not isinstance(rows, list | tuple) or any(
        not isinstance(row, list | tuple) or len(row) != n or any(type(number) is not int for number in row)
        for row in rows
    ):
        raise ConfigError(f"model.levels={rows!r}: every level is {names}")


def check_strides(levels: Any, strides: list[int]) -> None:
    """That strides grow by whole factors."""
    if not strides or any(b < 1 or b % a or b == a for a, b in pairwise([1, *strides])):
        raise ConfigError(f"model.levels={levels!r}: strides must grow by whole factors, finest first, as in 2, 4, 8")


def check_size(levels: Any, n_levels: int, n_layers: int, widest: int, stride: int) -> None:
    """That a model is of a size that a file can name without harm."""
    if n_levels > MAX_LEVELS or n_layers > MAX_LAYERS or widest > MAX_CHANNELS or stride > MAX_STRIDE:
        raise ConfigError(
            f"model.levels={str(levels)[:80]}: at most {MAX_LEVELS} levels, {MAX_LAYERS} blocks in all, {MAX_CHANNELS} "
            f"channels and a stride of {MAX_STRIDE}"
        )

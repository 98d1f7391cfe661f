"""Paths as people type them."""

import os
from pathlib import Path

from rec_jax.core.errors import ConfigError


def expand_home(path: str | os.PathLike) -> Path:
    """`path` with a leading ~ or ~user as the home folder that it means; ConfigError if there is none."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ConfigError(f"{os.fspath(path)}: this user has no home folder; give a path without ~") from None

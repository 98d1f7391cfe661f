"""Libraries that only some measurements need."""

import importlib
from types import ModuleType

from rec_jax.core.errors import MissingFile


def optional_module(name: str, what: str, extra: str) -> ModuleType:
    """The module `name`, which `what` needs and an extra of pyproject.toml installs; MissingFile where it is not."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingFile(f"{what} needs {name}; run: pip install -e '.[{extra}]'") from None

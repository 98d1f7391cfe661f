"""Loading jax for a command, whose user waits for it."""

import contextlib
import sys
from collections.abc import Generator
from types import ModuleType
from typing import cast


@contextlib.contextmanager
def without_etils() -> Generator[None]:
    """Inside this block nothing finds etils, unless jax or it is there already.

    jax takes etils.epath, where it is installed, to keep caches in clouds; that imports unittest and asyncio, a tenth
    of the time that importing jax takes. A command's cache is a folder here.
    """
    hidden = not sys.modules.keys() & {"jax", "etils"}
    if hidden:
        sys.modules["etils"] = cast(ModuleType, None)  # what `import` takes for "there is none"
    try:
        yield
    finally:
        if hidden:
            del sys.modules["etils"]

"""The names of numpy's optional CPU features on this machine, as NPY_DISABLE_CPU_FEATURES takes them."""

import ast
import contextlib
import io

import numpy as np


def optional_features() -> list[str]:
    """Those that numpy dispatches to here; they can all be switched off."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        np.show_runtime()
    text = printed.getvalue()
    _, found, rest = text.partition("'found': ")
    return ast.literal_eval(rest[: rest.index("]") + 1]) if found else []

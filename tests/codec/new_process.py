"""The very same codec in a new process, in which jax cannot be imported."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def said_without_jax(codec, folder: Path, expression: str, environment: dict[str, str] | None = None) -> list[str]:
    """The words that `expression` prints as, in terms of `codec` and np.

    The codec goes there as it is: weights that training starts from are floats, and another process finds others.
    """
    path = folder / "codec.pickle"
    path.write_bytes(pickle.dumps(codec))
    program = (
        "import pickle, sys; sys.modules['jax'] = None; import numpy as np; from pathlib import Path\n"
        f"codec = pickle.loads(Path({str(path)!r}).read_bytes())\n"
        f"print({expression})"
    )
    words = [sys.executable, "-c", program]
    done = subprocess.run(
        words, cwd=_ROOT, env=os.environ | (environment or {}), capture_output=True, text=True, check=True
    )
    return done.stdout.split()

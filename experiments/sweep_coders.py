"""`python -m experiments.sweep_coders`: see experiments/coders/sweep.py."""

import sys

from experiments.coders.sweep import main
from rec_jax.core.compilation import enable_compilation_cache

if __name__ == "__main__":
    enable_compilation_cache()
    sys.exit(main())

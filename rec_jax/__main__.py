"""`python -m rec_jax` is the command `rec-jax`."""

import sys

from rec_jax.cli import main

if __name__ == "__main__":
    sys.exit(main())

"""How long to fuzz: a fast profile for every run, and REC_FUZZ=1 for a long one."""

import os

TIMES = 30 if os.environ.get("REC_FUZZ") else 1


def n_examples(fast: int) -> int:
    """Examples, `fast` of them by default."""
    return fast * TIMES

"""Damage to a message of a bits-back chain, wherever it is."""

import numpy as np
import pytest

from rec_jax.core.errors import RecError


def check_damage_is_refused(codec, blob: bytes, n_head: int, n_random: int) -> None:
    """One wrong bit in each of the first bytes, in some others and in the last, and a message cut short."""
    rng = np.random.default_rng(0)
    for place in [*range(n_head), len(blob) - 1, *rng.integers(n_head, len(blob), n_random)]:
        damaged = bytearray(blob)
        damaged[place] ^= 1 << rng.integers(8)
        with pytest.raises(RecError):
            codec.decode_chain(bytes(damaged))
    for length in (0, 5, 16, len(blob) // 2, len(blob) - 4, len(blob) - 1):
        with pytest.raises(RecError):
            codec.decode_chain(blob[:length])

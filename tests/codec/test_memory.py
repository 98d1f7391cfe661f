"""Many calls need no more memory than a few: neither of Python, nor of jax, nor of the process."""

import gc
import mmap
import os
import sys
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import pytest
from tiny_codec import smooth_image, tiny_phases

N_WARM, N_CALLS = 30, 40
IMAGE = smooth_image(4, 4)
_STATUS = Path("/proc/self/statm")  # where the system has it


class Growth(NamedTuple):
    """Of N_CALLS calls, after N_WARM."""

    python_blocks: int
    jax_arrays: int
    process_bytes: int

    def is_none(self) -> bool:
        """Fewer than 20 objects, one array and 100 kB a call; what is kept for later calls is soon there."""
        few_objects = self.python_blocks < 20 * N_CALLS
        return few_objects and self.jax_arrays < N_CALLS and self.process_bytes < 100_000 * N_CALLS


def growth(call) -> Growth:
    """What was there before is not looked through: under pytest it is much."""
    gc.freeze()
    try:
        return _growth(call)
    finally:
        gc.unfreeze()


def _growth(call) -> Growth:
    def used():
        gc.collect()
        pages = int(_STATUS.read_text().split()[1]) if _STATUS.exists() else 0
        return sys.getallocatedblocks(), len(jax.live_arrays()), pages * os.sysconf("SC_PAGE_SIZE")

    for _ in range(N_WARM):
        call()
    before = used()
    for _ in range(N_CALLS):
        call()
    return Growth(*(now - then for now, then in zip(used(), before, strict=True)))


def pages(size: int) -> mmap.mmap:
    """Memory that is the process's own anew: what malloc gives may be what it was given back before."""
    made = mmap.mmap(-1, size)
    made.write(bytes(size))
    return made


@pytest.mark.parametrize("latents", [True, False])
def test_many_calls_of_a_codec_leave_nothing(tiny, latents):
    codec = (tiny if latents else tiny_phases()).without_fallback()
    assert (found := growth(lambda: codec.compress(IMAGE))).is_none(), found


@pytest.mark.parametrize(
    "make",
    [
        lambda: [bytearray(1) for _ in range(15)],
        lambda: jnp.zeros(1),
        pytest.param(lambda: pages(160_000), marks=pytest.mark.skipif(not _STATUS.exists(), reason="no /proc")),
    ],
    ids=["Python", "jax", "process"],
)
def test_a_leak_is_seen(make):
    kept = []
    assert growth(make).is_none()
    assert not growth(lambda: kept.append(make())).is_none()

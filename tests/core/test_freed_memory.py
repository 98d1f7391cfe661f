"""core/freed_memory.py: pages that stay are not asked for again."""

import platform
import subprocess
import sys

import pytest

_COUNT = """
import resource
import numpy as np
from rec_jax.core.freed_memory import keep_freed_memory

{call}

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    several = [np.ones(1 << 24, np.uint8) for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(*(faults() for _ in range(3)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's mallopt")
@pytest.mark.parametrize(("call", "kept"), [("", False), ("keep_freed_memory()", True)])
def test_arrays_made_again_need_new_pages_only_without_it(call, kept):
    said = subprocess.run([sys.executable, "-c", _COUNT.format(call=call)], capture_output=True, text=True, check=True)
    first, *_, last = map(int, said.stdout.split())
    assert first > 0 and (last < first / 10) == kept

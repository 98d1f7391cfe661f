"""core/freed_memory.py: pages that stay are not asked for again."""

import subprocess
import sys

import pytest

_COUNT = """
import resource
import numpy as np
from rec_jax.core.freed_memory import keep_freed_memory

{call}

def faults(n_bytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(n_bytes, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

first = faults(1 << 26)
print(first, faults(1 << 26))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's mallopt")
@pytest.mark.parametrize(("call", "kept"), [("", False), ("keep_freed_memory()", True)])
def test_a_second_large_array_needs_new_pages_only_without_it(call, kept):
    said = subprocess.run([sys.executable, "-c", _COUNT.format(call=call)], capture_output=True, text=True, check=True)
    first, second = map(int, said.stdout.split())
    assert first > 0 and (second < first / 10) == kept

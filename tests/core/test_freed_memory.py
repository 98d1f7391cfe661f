"""core/freed_memory.py: pages that stay are not asked for again."""

import platform
import subprocess
import sys

import pytest

_COUNT = """
import resource
import numpy as np
from rec_jax.core.freed_memory import keep_all_memory, keep_freed_memory

{call}
counts = []

def count_faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    several = [np.ones({megabytes} << 20, np.uint8) for _ in range(4)]
    counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)

for _ in range(3):
    count_faults()
print(*counts)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's mallopt")
@pytest.mark.parametrize(
    ("call", "megabytes", "kept"),
    [
        ("", 16, False),
        ("keep_freed_memory()", 16, True),
        ("", 64, False),
        ("keep_all_memory()", 64, True),
    ],
)
def test_arrays_made_again_need_new_pages_only_without_it(call, megabytes, kept):
    program = _COUNT.format(call=call, megabytes=megabytes)
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, *_, last = map(int, said.stdout.split())
    assert first > 0 and (last < first / 10) == kept


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's mallopt")
def test_nothing_is_reserved_where_addresses_are_limited():
    program = """
import resource
from pathlib import Path
from rec_jax.core.freed_memory import keep_all_memory

def heap_bytes():
    (line,) = (line for line in Path("/proc/self/maps").read_text().splitlines() if line.endswith("[heap]"))
    first, last = (int(word, 16) for word in line.split()[0].split("-"))
    return last - first

resource.setrlimit(resource.RLIMIT_AS, (1 << 36, 1 << 36))
keep_all_memory()
print(heap_bytes() < 1 << 28)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "True"


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's mallopt")
@pytest.mark.parametrize("kept", [True, False])
def test_a_program_of_jax_computes_in_kept_memory(kept):
    program = f"""
import resource
import jax
import jax.numpy as jnp
from rec_jax.core.compilation import keep_memory_of_programs
if {kept}:
    keep_memory_of_programs()
double = jax.jit(lambda x: 2 * x)
x = jnp.ones(20 << 20)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    jax.block_until_ready(double(x))
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(*(faults() for _ in range(3)))
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    *_, last = map(int, said.stdout.split())
    assert (last < 1000) == kept  # of 20,480 pages of the result alone

"""What malloc does with freed memory: glibc's hands large arrays' pages back to the kernel at once, and fresh pages for
the next arrays cost a tenth of a decoder's time, and of a training step's a third.
"""

import ctypes
import mmap
import os
import sys
from pathlib import Path

_LARGE_BYTES, _KEPT_BYTES = 1 << 25, 1 << 28  # the former is the most that every glibc accepts
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4  # malloc.h
_HUGE_PAGE = 1 << 21


def keep_freed_memory() -> None:
    """Of arrays up to 32 MiB, for a process that is ours; a C library that knows no such wish goes on as before."""
    libc = _glibc()
    if libc is not None and libc.mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES):
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def keep_all_memory() -> None:
    """Of arrays of any size that the main thread asks for, in huge pages where the kernel has them.

    For a process of ours that works for hours; under jax by compilation.keep_memory_of_programs. Its heap never
    shrinks. Other threads have arenas of their own as before: one heap for all would have them wait for its lock, a
    third of a step on two cores. Elsewhere, and where addresses are limited (ulimit -v, strict overcommit), all goes on
    as before.
    """
    libc = _glibc()
    if libc is None or _addresses_are_limited():
        return
    libc.mallopt(_M_MMAP_MAX, 0)
    libc.mallopt(_M_TRIM_THRESHOLD, -1)
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    n_bytes = os.sysconf("SC_PHYS_PAGES") * mmap.PAGESIZE // 2  # memory beyond that has pages as before
    heap = libc.malloc(n_bytes)  # not touched, so it takes no memory; freed, it stays the heap's
    if heap:
        first, last = -(-heap // _HUGE_PAGE) * _HUGE_PAGE, (heap + n_bytes) // _HUGE_PAGE * _HUGE_PAGE
        libc.free(heap)
        libc.madvise(first, last - first, mmap.MADV_HUGEPAGE)


def _addresses_are_limited() -> bool:
    import resource

    limits = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    strict = Path("/proc/sys/vm/overcommit_memory")
    return (
        sys.maxsize < 2**32
        or any(limit != resource.RLIM_INFINITY for limit in limits)
        or (strict.is_file() and strict.read_text().strip() == "2")
    )


def _glibc() -> ctypes.CDLL | None:
    """The process's C library, if it is glibc."""
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None
    return libc if libc is not None and hasattr(libc, "mallopt") else None

"""What malloc does with freed memory: glibc's hands large arrays' pages back to the kernel at once, and fresh pages for
the next arrays cost a tenth of a decoder's time.
"""

import ctypes
import sys

_LARGE_BYTES, _KEPT_BYTES = 1 << 25, 1 << 28  # the former is the most that every glibc accepts
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_freed_memory() -> None:
    """Of arrays up to 32 MiB, for a process that is ours; a C library that knows no such wish goes on as before."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None and mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES):
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)

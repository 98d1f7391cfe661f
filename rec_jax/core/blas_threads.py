"""One thread per matrix product, while our own threads share the processors.

A BLAS that splits small products among threads keeps the idle ones spinning, on the processors that code bits.
"""

import contextlib
import functools
import threading
from collections.abc import Generator

import threadpoolctl

_lock, _inside, _limited = threading.Lock(), 0, contextlib.ExitStack()


@contextlib.contextmanager
def one_blas_thread() -> Generator[None]:
    """For numpy's products in this process until the last of these blocks, in whatever thread, is left."""
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _limited.enter_context(_controller().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _limited.close()


@functools.cache
def _controller() -> threadpoolctl.ThreadpoolController:
    return threadpoolctl.ThreadpoolController()

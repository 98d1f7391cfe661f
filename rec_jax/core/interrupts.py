"""Ctrl-C is obeyed at once, whatever the process is in the middle of."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Generator

from rec_jax.core.console import complain

EXIT_CODE = 130  # 128 + SIGINT
NOTHING_WRITTEN = "interrupted; nothing was written"


@contextlib.contextmanager
def prompt_interrupts(line: str) -> Generator[None]:
    """Ends the process at Ctrl-C, with `line` on stderr and EXIT_CODE, inside this block.

    Python sees a signal only between two of its own instructions, raises it wherever it stands, and leaves only when
    all threads have ended; a compilation or a search takes minutes. So a thread waits for the signal and ends the
    process. Nothing is lost by that: files are written under no name (files.open_atomic).
    Does nothing outside the main thread, and where the signal is ignored.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield
        return
    waiting, waking = os.pipe()
    os.set_blocking(waking, False)
    fd_before = signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    handler_before = signal.signal(signal.SIGINT, lambda *_: None)
    threading.Thread(target=_watch, args=(waiting, line), daemon=True).start()
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler_before)
        signal.set_wakeup_fd(fd_before)
        os.close(waking)  # ends the thread


@contextlib.contextmanager
def noted_interrupts() -> Generator[Callable[[], bool]]:
    """A function that says whether Ctrl-C came inside this block, where it does nothing else.

    For a loop that waits for other processes: it can end them in order. Outside the main thread, and where the signal
    is ignored, it says no.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        yield lambda: False
        return
    noted = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: noted.set())
    try:
        yield noted.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def held_interrupts() -> Generator[None]:
    """Ctrl-C waits for the end of this block, and processes that it starts never see one; where threads have masks."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _watch(waiting: int, line: str) -> None:
    while number := os.read(waiting, 1):
        if number[0] == signal.SIGINT:
            complain(line)
            os._exit(EXIT_CODE)
    os.close(waiting)

"""SIGTERM and SIGINT end a run after the step that it is in, with a checkpoint."""

import signal
import threading
from collections.abc import Callable

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):
    """A run was asked to end.  number: the signal's.  step: the one whose checkpoint was saved, None if there is none.

    Not an Exception: nothing that survives failures may go on after it.
    """

    def __init__(self, number: int, step: int | None = None):
        self.number, self.step = number, step
        name = signal.Signals(number).name
        after = f" after step {step}, whose checkpoint is saved" if step is not None else ""
        super().__init__(f"stopped by {name}{after}; the same command goes on from the last checkpoint")

    @property
    def exit_code(self) -> int:
        """What shells report of a process that a signal ended."""
        return 128 + self.number


class StopRequests:
    """Whether the run shall end; a context that takes the signals while steps are done.

    preempted: for a run of several processes, which must all save the same step: how often it was asked -> whether they
      have agreed to end there (JAX tells the others of a SIGTERM).  Signals then stay as they were.
    """

    def __init__(self, preempted: Callable[[int], bool] | None = None):
        self._preempted, self._number, self._at_once, self._before = preempted, None, False, {}
        self._n_asked = 0

    def __enter__(self):
        if self._preempted is None and threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._take) for number in SIGNALS}
        return self

    def __exit__(self, *exception):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def after_call(self) -> int | None:
        """The signal for which the run shall end after the call that was done, None if it goes on.

        JAX agrees on the next number but one, so it counts calls: of steps it could agree on one within a call.
        """
        self._n_asked += 1
        if self._preempted is not None and self._preempted(self._n_asked):
            return signal.SIGTERM
        return self._number

    @property
    def asked(self) -> int | None:
        """The signal that this process got, if it got one."""
        return self._number

    def at_once(self, work: Callable[[], None]) -> None:
        """Does work between two steps that a signal breaks off; what it had to do is left undone.

        The outer try is for a signal that comes while the inner one is left.
        """
        try:
            try:
                self._at_once = True
                work()
            finally:
                self._at_once = False
        except _BrokenOff:
            pass

    def _take(self, number: int, frame) -> None:
        del frame
        if self._number is not None and number == signal.SIGINT:  # a second Ctrl-C does not wait for the checkpoint
            raise KeyboardInterrupt
        self._number = number
        if self._at_once:
            self._at_once = False  # once: nothing waits for a second one
            raise _BrokenOff


class _BrokenOff(BaseException):
    pass


def raise_on_sigterm() -> None:
    """SIGTERM ends the process as an error does, so that it can say so: outside of steps there is nothing to save."""

    def stop(number, frame):
        del frame
        raise Stopped(number)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)

"""SIGTERM and SIGINT: the step that was done is saved, and the run goes on as if it had not been stopped."""

import itertools
import os
import signal
import sys
import time

import jax
import numpy as np
import pytest

from rec_jax.train import loop
from rec_jax.train.stop import Stopped, StopRequests, raise_on_sigterm
from tests.train.test_loop import rows_without_clock
from tests.train.tiny import first_weight, tiny_config, tiny_images

IMAGES = tiny_images()
CONFIG = dict(n_steps=5, log_every=2, evaluate_every=3, save_every=100)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole")
    return workdir, loop.train(tiny_config(**CONFIG), workdir, IMAGES, [first_weight])


def goes_on_as_if_nothing_had_been(whole, workdir):
    state = loop.train(tiny_config(**CONFIG), workdir, IMAGES, [first_weight])
    jax.tree.map(np.testing.assert_array_equal, state, whole[1])
    assert rows_without_clock(workdir) == rows_without_clock(whole[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_within_a_step(whole, tmp_path, monkeypatch, number):
    handlers = [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    indices = loop.batch_indices

    def batch_indices(seed, step, *sizes):
        if step == 3:
            os.kill(os.getpid(), number)
        return indices(seed, step, *sizes)

    monkeypatch.setattr(loop, "batch_indices", batch_indices)
    with pytest.raises(Stopped, match=f"stopped by {number.name} after step 4, whose checkpoint is saved") as caught:
        loop.train(tiny_config(**CONFIG), tmp_path, IMAGES, [first_weight])
    assert caught.value.exit_code == 128 + number and not isinstance(caught.value, Exception)
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["4"]
    assert handlers == [signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)]
    monkeypatch.undo()
    goes_on_as_if_nothing_had_been(whole, tmp_path)


@pytest.mark.parametrize("at", [3, 5])
def test_a_signal_breaks_off_an_evaluation_which_is_done_on_resuming(whole, tmp_path, at):
    def evaluator(step, params):
        if step == at:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        yield from first_weight(step, params)

    with pytest.raises(Stopped, match=f"after step {at}"):
        loop.train(tiny_config(**CONFIG), tmp_path, IMAGES, [evaluator])
    goes_on_as_if_nothing_had_been(whole, tmp_path)


def signal_at_line(n):
    """For sys.settrace: SIGTERM before the n-th line of at_once, and what is called there is not looked into."""
    lines = itertools.count()

    def trace(frame, event, argument):
        if event == "call" and frame.f_code.co_name != "at_once":
            return None
        if event == "line" and next(lines) == n:
            os.kill(os.getpid(), signal.SIGTERM)
        return trace

    return trace


def test_a_signal_at_any_line_of_what_it_breaks_off_is_taken():
    before = sys.gettrace()
    for n in range(100):
        with StopRequests() as stop:
            sys.settrace(signal_at_line(n))
            try:
                stop.at_once(lambda: None)
            finally:
                sys.settrace(before)
            if stop.asked is None:  # there are no more lines
                break
            os.kill(os.getpid(), signal.SIGTERM)  # breaks off nothing any more
    assert n > 3


def test_a_second_ctrl_c_does_not_wait():
    with pytest.raises(KeyboardInterrupt), StopRequests() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.asked == signal.SIGINT
        os.kill(os.getpid(), signal.SIGINT)


def test_processes_end_when_they_have_agreed():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequests(preempted=lambda n_calls: n_calls == 2) as stop:
        assert signal.getsignal(signal.SIGTERM) is before
        assert stop.after_call() is None and stop.after_call() == signal.SIGTERM


def test_sigterm_outside_of_steps_says_so():
    before = signal.getsignal(signal.SIGTERM)
    try:
        raise_on_sigterm()
        with pytest.raises(Stopped, match="stopped by SIGTERM; the same command"):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

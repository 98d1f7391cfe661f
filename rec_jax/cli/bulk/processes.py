"""Work on many files in this process, or in several that may die without the others."""

import collections
import contextlib
import itertools
import multiprocessing
import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for_end

from rec_jax.cli.bulk.inputs import Item
from rec_jax.cli.bulk.outcome import Outcome
from rec_jax.core.blas_threads import one_blas_thread
from rec_jax.core.freed_memory import keep_freed_memory
from rec_jax.core.interrupts import held_interrupts, noted_interrupts

Work = Callable[[list[Item]], Iterable[Outcome]]  # on a few files, as each is done
_LOOK_S = 0.1  # how often it is looked whether there was a Ctrl-C
_own_work: Work | None = None  # of a process of the pool


def work_in_processes(make_work: Callable[[], Work], chunks: Iterable[list[Item]], n_jobs: int) -> Generator[Outcome]:
    """make_work() of each of n_jobs new processes, applied to all chunks; outcomes as they come.

    Where a process dies (out of memory, killed), what the processes were at is done again, file by file in a process of
    its own: the file at which that one dies too has failed, and the others go on.
    Raises KeyboardInterrupt at Ctrl-C, once the processes have ended.
    """
    waiting = collections.deque(chunks)
    while waiting:
        lost = yield from _until_one_dies(make_work, waiting, n_jobs)
        alone = collections.deque([item] for chunk in lost for item in chunk)
        while alone:
            for chunk in (yield from _until_one_dies(make_work, alone, 1)):
                line = f"{chunk[0].source}: the process that worked on it died, of too little memory or killed"
                yield Outcome(chunk[0].source, error=line)


def _until_one_dies(
    make_work: Callable[[], Work], waiting: collections.deque[list[Item]], n_jobs: int
) -> Generator[Outcome, None, list[list[Item]]]:
    """Takes chunks from the left until all are done, or a process dies; returns those that were not done then."""
    pending: dict[Future, list[Item]] = {}
    with noted_interrupts() as interrupted, _pool(make_work, n_jobs) as pool:
        try:
            while waiting or pending:
                while waiting and len(pending) < n_jobs:
                    with held_interrupts():  # it may start a process
                        pending[pool.submit(_work, waiting[0])] = waiting[0]
                    waiting.popleft()
                for future in wait(pending, _LOOK_S, FIRST_COMPLETED).done:
                    outcomes = future.result()
                    del pending[future]
                    yield from outcomes
                if interrupted():
                    raise KeyboardInterrupt
        except BrokenProcessPool:
            done = [future for future in pending if future.done() and not future.exception()]
            yield from itertools.chain.from_iterable(future.result() for future in done)
            return [chunk for future, chunk in pending.items() if future not in done]
    return []


@contextlib.contextmanager
def _pool(make_work: Callable[[], Work], n_jobs: int) -> Generator[ProcessPoolExecutor]:
    """Processes that end with this block, at once if by an exception."""
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # what runs in this process, threads of jax among it, is not copied
    pool = ProcessPoolExecutor(n_jobs, context, _start, (make_work,))
    try:
        yield pool
    except BaseException:
        for child in set(multiprocessing.active_children()) - others:
            child.kill()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _start(make_work: Callable[[], Work]) -> None:
    """In a new process of the pool."""
    global _own_work
    keep_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    contextlib.ExitStack().enter_context(one_blas_thread())  # for good
    _own_work = make_work()


def _end_with_parent() -> None:
    """A pool does not notice that its parent was killed, and would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is a process of a pool"
    wait_for_end([parent.sentinel])
    os._exit(1)


def _work(chunk: list[Item]) -> list[Outcome]:
    assert _own_work is not None, "_start has run"
    return list(_own_work(chunk))

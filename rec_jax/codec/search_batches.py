"""Tiles searched together: which, how many at once, and in which order they come back."""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax

from rec_jax.codec.tiles import Tile
from rec_jax.core.processors import n_processors

SEARCHES_AT_ONCE = 3  # batches, where there are as many processors: a search by itself keeps only one busy
BATCH_SIZE = 16  # tiles encoded together, or one alone: a batch that is not full takes as long as a full one
MOST_ALONE = 4  # so many are faster one by one


class Job(NamedTuple):
    """A tile of one of the pictures."""

    image: int
    number: int
    tile: Tile
    side: int


def in_batches(jobs: Iterable[Job], search: Callable) -> Iterator[tuple[Job, Any]]:
    """(job, its result) in order, of search(batch, size) over neighbouring jobs of one tile side.

    A few batches are searched at once, and few are ahead of what was taken, so that memory does not grow with the
    picture. The first batch of a kind goes alone: it compiles what the others use. All run on the caller's device.
    """
    n_workers = min(SEARCHES_AT_ONCE, n_processors())
    pool, waiting, compiled = ThreadPoolExecutor(n_workers), collections.deque(), set()
    device = jax.config.jax_default_device  # what jax.default_device sets is a thread's own

    def on_device(batch: list[Job], size: int):
        with jax.default_device(device):
            return search(batch, size)

    try:
        for batch, size in _batches(jobs):
            found = pool.submit(on_device, batch, size)
            if (kind := (batch[0].side, size)) not in compiled:
                wait([found])
                compiled.add(kind)
            waiting.append((batch, found))
            if len(waiting) > n_workers:
                ready, found = waiting.popleft()
                yield from zip(ready, found.result(), strict=True)
        for ready, found in waiting:
            yield from zip(ready, found.result(), strict=True)
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(jobs: Iterable[Job]) -> Iterator[tuple[list[Job], int]]:
    """Neighbouring jobs of one tile side with the size that is compiled for as many; a few go one by one."""
    for _, same in itertools.groupby(jobs, key=lambda job: job.side):
        while batch := list(itertools.islice(same, BATCH_SIZE)):
            if len(batch) > MOST_ALONE:
                yield batch, BATCH_SIZE
            else:
                yield from (([job], 1) for job in batch)

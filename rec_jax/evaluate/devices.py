"""Work that is independent, one piece on each local device."""

import queue
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import jax

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_devices(work: Callable[[Item], Result], items: Iterable[Item], devices: Sequence[Any]) -> Iterator[Result]:
    """work(item) of every item, as they are done: a thread per device, which is the default one of its thread.

    One device is left to the caller's thread, in order. An error ends all, once the pieces at work are done.
    """
    if len(devices) == 1:
        yield from map(work, items)
        return
    idle: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for device in devices:
        idle.put(device)

    def on_a_device(item: Item) -> Result:
        device = idle.get()
        try:
            with jax.default_device(device):
                return work(item)
        finally:
            idle.put(device)

    pool, waiting = ThreadPoolExecutor(len(devices)), set()
    try:
        for item in items:
            waiting.add(pool.submit(on_a_device, item))
            if len(waiting) == 2 * len(devices):  # so few are ahead that an endless source may be asked for more
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                yield from (one.result() for one in done)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            yield from (one.result() for one in done)
    finally:
        pool.shutdown(cancel_futures=True)

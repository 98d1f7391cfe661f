"""Seconds: of one call, of the stages of one, and of a yardstick that says how fast this machine is today."""

import collections
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np


class Seconds(NamedTuple):
    """Of the wall's clock, and of all cores for this process (which other work on the machine stretches less)."""

    wall_s: float
    cpu_s: float


def timed(f: Callable, *args) -> tuple[Seconds, Any]:
    """(seconds, result) of one call, waiting until its arrays are there."""
    jax.block_until_ready(args)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = jax.block_until_ready(f(*args))
    return Seconds(time.perf_counter() - wall_s, time.process_time() - cpu_s), result


class Clock:
    """`with clock("stage"):` adds to seconds["stage"]; a stage inside another does not count for the outer one."""

    def __init__(self):
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self._inside = [0.0]  # seconds of the stages inside each one that is open

    @contextlib.contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start_s = time.perf_counter()
        self._inside.append(0.0)
        try:
            yield
        finally:
            whole_s = time.perf_counter() - start_s
            self.seconds[stage] += whole_s - self._inside.pop()
            self._inside[-1] += whole_s


def yardstick(n_calls: int = 3) -> Seconds:
    """In which numpy draws 10^7 float32 normals, median; measured beside what is to be compared with it."""
    generator = np.random.default_rng(0)
    calls = [timed(lambda: generator.standard_normal(10**7, np.float32))[0] for _ in range(n_calls)]
    return Seconds(*np.median(calls, axis=0).tolist())

"""Seconds: of one call, of compiling, and of a yardstick that says how fast this machine is today."""

import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np


def timed(f: Callable, *args) -> tuple[float, Any]:
    """(seconds, result) of one call, waiting until its arrays are there."""
    jax.block_until_ready(args)
    start_s = time.perf_counter()
    result = jax.block_until_ready(f(*args))
    return time.perf_counter() - start_s, result


def median_s(f: Callable, *args, n_calls: int) -> float:
    """Median seconds of n_calls calls of something that has run before."""
    return float(np.median([timed(f, *args)[0] for _ in range(n_calls)]))


def timed_compile(f: Callable, *args, compiler_options: dict | None = None) -> tuple[float, Callable]:
    """(seconds to trace and compile, compiled function) of jit(f) at these arguments."""
    start_s = time.perf_counter()
    compiled = jax.jit(f, compiler_options=compiler_options).lower(*args).compile()
    return time.perf_counter() - start_s, compiled


def normals_s(n_calls: int = 5) -> float:
    """Median seconds in which numpy draws 10^7 float32 normals: the yardstick."""
    generator = np.random.default_rng(0)
    return median_s(lambda: generator.standard_normal(10**7, np.float32), n_calls=n_calls)


def peak_memory_bytes() -> int:
    """The most memory that this process has held at once (maximum resident set size), jax and programs included."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, Linux KiB

"""log of a sum of exponentials, in numpy or JAX."""

from typing import Any

import numpy as np


def log_sum_exp(x: Any, xp: Any, axis: int) -> Any:
    """log sum exp(x) over an axis; x: an array of xp, numpy or jax.numpy.

    The largest value cancels, so no gradient goes through it. It must not: one of a maximum asks which x equals it,
    and a compiled program that computes x twice, rounded two ways, may find none and divide by zero.
    """
    largest = xp.max(_constant(x, xp), axis=axis, keepdims=True)
    return xp.squeeze(largest, axis) + xp.log(xp.sum(xp.exp(x - largest), axis=axis))


def _constant(x: Any, xp: Any) -> Any:
    if xp is np:
        return x
    import jax

    return jax.lax.stop_gradient(x)

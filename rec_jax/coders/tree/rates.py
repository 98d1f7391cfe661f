"""How many steps the tree coder may take, and what it costs to say so.

A rate R that misses the best one by dR costs about dR^2 / (4 KL) nats, so the numbers of steps on offer lie evenly in
the square root of the rate: far fewer than all, hence cheaper to name, at a loss that does not grow with KL.
"""

import functools
import math

import numpy as np

from rec_jax.coders.step_counts import StepCountModel
from rec_jax.coders.tree.picture_counts import PictureCounts
from rec_jax.entropy.tables import Table, normalise


@functools.lru_cache(maxsize=64)
def offered_steps(max_steps: int, curvature: int) -> tuple[int, ...]:
    """K_0 = 0 < K_1 < ... up to max_steps, which is always offered: 1, and round(curvature j^2 / 2^16) for all j."""
    last = math.isqrt((max_steps << 16) // curvature) + 1
    wanted = {0, 1, *((curvature * j * j + (1 << 15)) >> 16 for j in range(last + 1))}
    return tuple(sorted({k for k in wanted if k < max_steps} | {max_steps}))


def level_table(model: StepCountModel | PictureCounts | None, before: np.ndarray, offered: tuple[int, ...]) -> Table:
    """The table of one block's level (place in `offered`), given the numbers of steps of the blocks before it.

    model None: nothing is known, P(level j) ~ 1 / (j + 2).
    """
    match model:
        case None:
            return _universal_table(len(offered))
        case PictureCounts():
            return model.level_table(before, offered)
        case StepCountModel():
            frequencies = model.table(before, offered[-1]).frequencies
            return normalise([frequencies[k] for k in offered])


@functools.lru_cache(maxsize=64)
def _universal_table(size: int) -> Table:
    return normalise([(1 << 30) // (level + 2) for level in range(size)])

"""How many steps the blocks of a call take, where naming a number costs by the numbers before it.

A rate that misses a block's KL by dR costs about dR^2 / (4 KL) nats (rates.py), so halfway between two numbers on offer
either will do, while what naming them costs may differ by bits. So a block takes the number whose sum of both is
least, of the one nearest to its KL and the two beside it, given those chosen before it.
"""

import math

import numpy as np

from rec_jax.coders.tree.coder import TreeCoder
from rec_jax.coders.tree.encoder import choose_steps
from rec_jax.coders.tree.picture_counts import PictureCounts

_LEAST_STEPS = 3  # below, the square is no measure of what is lost


def cheapest_steps(coder: TreeCoder, block_kl_nats: np.ndarray) -> np.ndarray:
    """Numbers of steps int32 [n_blocks] of blocks with so many nats; the nearest where no table goes by others."""
    nearest = choose_steps(coder, block_kl_nats, np)
    if not isinstance(coder.step_counts, PictureCounts):
        return nearest
    chosen: list[int] = []
    for n_steps, nats in zip(nearest.tolist(), block_kl_nats.tolist(), strict=True):
        chosen.append(_cheapest(coder, np.array(chosen, np.int64), n_steps, nats))
    return np.array(chosen, np.int32)


def _cheapest(coder: TreeCoder, before: np.ndarray, nearest: int, block_kl_nats: float) -> int:
    offered, table, wanted_nats = coder.offered, coder.count_table(before), coder.rate * block_kl_nats
    place = offered.index(nearest)
    if nearest < _LEAST_STEPS:
        return nearest

    def cost_nats(at: int) -> float:
        missed_nats = (offered[at] * coder.step_nats - wanted_nats) ** 2 / (4 * wanted_nats)
        return missed_nats + table.bits(np.array([at])) * math.log(2)

    near = range(place - 1, min(place + 2, len(offered)))
    return offered[min((at for at in near if offered[at] >= _LEAST_STEPS), key=cost_nats)]

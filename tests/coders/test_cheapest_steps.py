import math

import numpy as np
import pytest

from rec_jax.coders.tree.cheapest_steps import cheapest_steps
from rec_jax.coders.tree.coder import TreeCode, TreeCoder
from rec_jax.coders.tree.encoder import choose_steps

CODER = TreeCoder().for_pictures(4096)


def missed_nats(coder, n_steps, block_kl_nats):
    return (n_steps * coder.step_nats - block_kl_nats) ** 2 / (4 * block_kl_nats)


def naming_nats(coder, n_steps):
    tables = (coder.count_table(n_steps[:i]) for i in range(len(n_steps)))
    places = np.searchsorted(coder.offered, n_steps)
    return sum(table.bits(np.array([place])) for table, place in zip(tables, places, strict=True)) * math.log(2)


@pytest.mark.parametrize("mean_nats", [30.0, 400.0, 1200.0])
def test_blocks_of_a_picture_cost_less_in_all_and_miss_little(mean_nats):
    coder = CODER.after(None, same_layer=False)
    before = np.array([int(choose_steps(coder, np.array([mean_nats]), np)[0])], np.int32)
    coder = coder.after(TreeCode(before, None, None), same_layer=True)
    nats = np.random.default_rng(0).normal(mean_nats, 0.05 * mean_nats, 400)
    nearest, cheapest = choose_steps(coder, nats, np), cheapest_steps(coder, nats)
    missed = [missed_nats(coder, n_steps, nats) for n_steps in (nearest, cheapest)]
    naming = [naming_nats(coder, n_steps) for n_steps in (nearest, cheapest)]
    assert naming[1] < 0.7 * naming[0] and missed[1].sum() + naming[1] < missed[0].sum() + naming[0]
    places = [np.searchsorted(coder.offered, n_steps) for n_steps in (nearest, cheapest)]
    assert abs(places[0] - places[1]).max() <= 1
    assert abs(cheapest.mean() / nearest.mean() - 1) < 0.05


def test_few_steps_are_the_nearest_and_so_are_all_that_are_no_pictures():
    few = np.linspace(0.0, 6.0, 50)
    coder = CODER.after(None, same_layer=False)
    chosen = cheapest_steps(coder, few)
    assert (chosen == choose_steps(coder, few, np)).all() and set(chosen) == {0, 1, 3} & set(coder.offered)
    nats = np.random.default_rng(0).normal(400.0, 20.0, 50)
    assert (cheapest_steps(CODER, nats) == choose_steps(CODER, nats, np)).all()

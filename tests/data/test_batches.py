import numpy as np
import pytest

from rec_jax.core import errors
from rec_jax.data.batches import batch_indices


def test_an_epoch_visits_every_image_once_and_drops_the_ragged_end():
    seen = np.concatenate([batch_indices(0, step, 4, 22) for step in range(5)])
    assert len(set(seen.tolist())) == 20
    assert seen.min() >= 0 and seen.max() < 22
    assert batch_indices(0, 3, 4, 20).dtype == np.int64


def test_epochs_and_seeds_differ():
    first, second = (np.concatenate([batch_indices(0, e * 8 + s, 8, 64) for s in range(8)]) for e in range(2))
    assert sorted(first) == sorted(second) == list(range(64))
    assert (first != second).any()
    assert (batch_indices(0, 0, 8, 64) != batch_indices(1, 0, 8, 64)).any()


def test_a_batch_depends_on_nothing_but_its_arguments():
    straight = [batch_indices(3, step, 5, 23) for step in range(20)]
    resumed = {step: batch_indices(3, step, 5, 23) for step in (17, 2, 9)}
    for step, indices in resumed.items():
        np.testing.assert_array_equal(indices, straight[step])
    straight[0][:] = -1  # the caller's copy, not the cached order
    assert batch_indices(3, 0, 5, 23).min() >= 0


def test_the_order_is_pinned():
    """A change of this order breaks the bit-exact resumption of every running training."""
    assert batch_indices(7, 11, 6, 50).tolist() == [6, 20, 42, 32, 41, 2]


@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_that_does_not_fit_is_refused(batch_size):
    with pytest.raises(errors.ConfigError, match=r"batch_size=.* does not fit 10 images"):
        batch_indices(0, 0, batch_size, 10)

"""coders/tree/picture_counts.py: the law of a block's number of steps, by those before it."""

import hashlib

import numpy as np
import pytest

from rec_jax.coders.tree.picture_counts import PictureCounts
from rec_jax.coders.tree.rates import offered_steps

OFFERED = offered_steps(5910, round(1.5**2 / np.log(16) * 2**16))


def law(mean_place, decay):
    weights = (decay / 256) ** np.abs(4 * (np.arange(len(OFFERED)) - mean_place))
    return weights / weights.sum()


CASES = [  # (counts before in the call, of the call before, whether of its layer): (mean place, decay)
    ([13, 20], (), False, 4.5, 128),
    ([13, 13, 13, 20], (682,), True, 4.25, 128),
    ([0, 0, 1], (), True, 0.25, 128),  # a third of a place, in quarters
    ([], (52, 66), True, 8.5, 216),
    ([], (52, 66), False, 8.5, 246),
    ([], (), False, 8.0, 246),
]


@pytest.mark.parametrize(("in_call", "before", "same_layer", "mean_place", "decay"), CASES)
def test_a_place_lies_around_the_mean_of_those_before(in_call, before, same_layer, mean_place, decay):
    assert (OFFERED[4], OFFERED[5], OFFERED[8], OFFERED[9]) == (13, 20, 52, 66)
    table = PictureCounts(before, same_layer).level_table(np.array(in_call, np.int64), OFFERED)
    np.testing.assert_allclose(np.array(table.frequencies) / 2**24, law(mean_place, decay), rtol=0.03, atol=1e-6)


def test_the_integers_are_what_they_were():
    """They are in files; where this fails, so do files of the past."""
    tables = [PictureCounts(b, same).level_table(np.array(own, np.int64), OFFERED) for own, b, same, _, _ in CASES]
    frequencies = np.array([table.frequencies for table in tables], ">i4")
    assert hashlib.sha256(frequencies.tobytes()).hexdigest()[:16] == "32c8a687c8286c9b"

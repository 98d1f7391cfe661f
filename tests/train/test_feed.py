import functools

import jax
import numpy as np
import pytest

from rec_jax.train.feed import call_ends
from rec_jax.train.loop import train
from tests.train.test_loop import rows_without_clock
from tests.train.tiny import first_weight, tiny_config, tiny_images


@pytest.mark.parametrize("most", [1, 3, 7, 1000])
def test_no_call_passes_a_step_at_which_something_is_due(most):
    settings = tiny_config(n_steps=50, steps_per_call=most, log_every=4, evaluate_every=0, save_every=9).train
    ends = list(call_ends(0, settings))
    due = {n for n in range(1, 51) if n % 4 == 0 or n % 9 == 0} | {50}
    assert due <= set(ends) and ends == sorted(set(ends)) and max(np.diff([0, *ends])) <= most
    for done in (4, 9, 11, 49):  # a resumed run makes the same calls
        assert list(call_ends(done, settings)) == [end for end in ends if end > done]
    assert list(call_ends(50, settings)) == []


def test_a_run_of_several_steps_a_call_from_the_device_is_the_run_of_one(tmp_path):
    one = train(tiny_config(), tmp_path / "one", tiny_images(), [first_weight])
    several = tiny_config(steps_per_call=3, images_on_device="true")
    state = train(several, tmp_path / "several", tiny_images(), [first_weight])
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=2e-2, atol=2e-3), state, one)
    rows = [[(row["step"], row["kind"]) for row in rows_without_clock(tmp_path / name)] for name in ("one", "several")]
    assert rows[0] == rows[1] and rows[0][-1] == (12, "evaluate")

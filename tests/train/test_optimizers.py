import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.train.optimizers import learning_rate_schedule, make_optimizer


def test_piecewise_rate_warms_up_then_falls_by_the_factor():
    rate = learning_rate_schedule(0.1, 4, "piecewise", 100, (10, 20), 0.3)
    rates = [float(rate(count)) for count in (0, 1, 3, 9, 10, 19, 20, 99)]
    np.testing.assert_allclose(rates, [0.025, 0.05, 0.1, 0.1, 0.03, 0.03, 0.009, 0.009], rtol=1e-6)


def test_cosine_rate_ends_at_zero():
    rate = learning_rate_schedule(0.1, 0, "cosine", 100)
    rates = [float(rate(count)) for count in (0, 50, 100, 200)]
    np.testing.assert_allclose(rates, [0.1, 0.05, 0.0, 0.0], atol=1e-8)


def test_no_decay_steps_is_a_constant_rate():
    assert float(learning_rate_schedule(0.1, 0, "piecewise", 100)(jnp.asarray(99))) == pytest.approx(0.1)


@pytest.mark.parametrize("name", ["adamax", "adam"])
def test_first_update_is_the_rate_against_the_sign(name):
    params = {"w": jnp.zeros(3)}
    optimizer = make_optimizer(name, learning_rate_schedule(0.1, 0, "piecewise", 10), clip_norm=1.0)
    updates, _ = optimizer.update({"w": jnp.array([300.0, -400.0, 1200.0])}, optimizer.init(params), params)
    np.testing.assert_allclose(updates["w"], [-0.1, 0.1, -0.1], rtol=1e-4)


def test_gradients_are_clipped_before_the_moments():
    params, rate = {"w": jnp.zeros(2)}, learning_rate_schedule(0.1, 0, "piecewise", 10)
    huge = {"w": jnp.array([3e4, 4e4])}
    for clip_norm, first_moment in ((1.0, [0.06, 0.08]), (None, [3e3, 4e3]), (0, [3e3, 4e3])):
        optimizer = make_optimizer("adamax", rate, clip_norm)
        _, state = optimizer.update(huge, optimizer.init(params), params)
        np.testing.assert_allclose(optax.tree_utils.tree_get(state, "mu")["w"], first_moment, rtol=1e-5)


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"train.schedule='linear' .* piecewise, cosine"):
        learning_rate_schedule(0.1, 0, "linear", 10)
    with pytest.raises(ConfigError, match=r"train.optimizer='sgd' .* adamax, adam"):
        make_optimizer("sgd", optax.constant_schedule(0.1), 1.0)

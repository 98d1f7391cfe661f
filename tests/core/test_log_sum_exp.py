"""log of a sum of exponentials, against scipy, and its gradient, a softmax."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special

from rec_jax.core.log_sum_exp import log_sum_exp


@pytest.mark.parametrize("xp", [np, jnp], ids=["numpy", "jax"])
@pytest.mark.parametrize("axis", [0, -1])
def test_values_far_apart_and_large(xp, axis):
    x = np.float32([[-3000.0, 0.1, 88.0], [3e4, -3e4, 2.0], [5.0, 5.0, 5.0]])
    np.testing.assert_allclose(log_sum_exp(xp.asarray(x), xp, axis), special.logsumexp(x, axis=axis), rtol=1e-6)


def test_the_gradient_is_a_softmax_and_asks_of_no_value_whether_it_is_the_largest():
    x = np.random.default_rng(0).normal(size=(64, 3)).astype(np.float32)
    gradient = jax.grad(lambda x: log_sum_exp(x, jnp, -1).sum())
    np.testing.assert_allclose(gradient(x), special.softmax(x, axis=-1), rtol=1e-5)
    assert " eq " not in str(jax.make_jaxpr(gradient)(x))

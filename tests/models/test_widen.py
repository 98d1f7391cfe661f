"""A network carried over to another likelihood says what it said, and learns with all of its new outputs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.models.elbo import elbo_terms
from rec_jax.models.init import init_params
from rec_jax.models.likelihoods.logistic import PixelScaleLogistic
from rec_jax.models.likelihoods.mixture import ColourMixture
from rec_jax.models.widen import widen
from tests.models.tiny_model import tiny_model

LEVELS = ((2, 1, 4, 1), (4, 1, 4, 3))
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
KEY = jax.random.key(0)


def wide_model(likelihood):
    """(old model, its params, model with `likelihood`, widened params)."""
    old, params = tiny_model("logistic", LEVELS)
    new = type(old)(old.levels, likelihood)
    return old, params, new, widen(params, likelihood, KEY)


def nats(model, params):
    return np.asarray(jax.jit(lambda p: elbo_terms(model, p, IMAGES, KEY).log_likelihood_nats)(params))


@pytest.mark.parametrize("likelihood", [PixelScaleLogistic(), ColourMixture(1)], ids=["pixel scale", "one component"])
def test_one_component_is_at_first_the_same_density(likelihood):
    old, params, new, widened = wide_model(likelihood)
    np.testing.assert_allclose(nats(new, widened), nats(old, params), rtol=1e-5)


def test_three_components_are_at_first_scales_around_the_old_one():
    old, params, new, widened = wide_model(ColourMixture(3))
    np.testing.assert_allclose(widened["likelihood"]["log_scale"], params["likelihood"]["log_scale"] + [-1, 0, 1])
    assert np.all(widened["likelihood"]["loc"] == 0)
    assert np.all(np.abs(nats(new, widened) / nats(old, params) - 1) < 0.5)


@pytest.mark.parametrize("likelihood", [PixelScaleLogistic(), ColourMixture(3)], ids=["pixel scale", "mixture"])
def test_the_widened_parameters_are_those_of_the_new_model_and_learn(likelihood):
    _, _, new, widened = wide_model(likelihood)
    fresh = jax.eval_shape(lambda key, images: init_params(new, key, images), KEY, IMAGES)
    assert jax.tree.map(jnp.shape, widened) == jax.tree.map(jnp.shape, fresh)
    gradient = jax.jit(jax.grad(lambda p: elbo_terms(new, p, IMAGES, KEY).log_likelihood_nats.sum()))(widened)
    assert np.all(gradient["up_sample"][0]["g"] != 0)

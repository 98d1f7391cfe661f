"""Rate and distortion of quantised models, against sums by hand; what stands for rounding in training."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import expit, log_ndtr

from configs.photos_hyperprior import get_config
from rec_jax.models import make_model
from rec_jax.models.at_least import at_least
from rec_jax.models.base import HyperLaw
from rec_jax.models.float_net import FloatNet
from rec_jax.models.knots import at_qualities
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet
from rec_jax.train.objective import make_objective
from rec_jax.train.quantised import LEAST_MASS, hyper_masses, latent_masses, quantised_terms, rounded
from tests.models.tiny_hyperprior import SECTION, smooth_pictures

NET = FloatNet()
FAST = {"xla_backend_optimization_level": 0}  # to compile
terms_of = jax.jit(quantised_terms, static_argnums=(0, 5), compiler_options=FAST)


@pytest.fixture(scope="module")
def case():
    model, images = make_model(SECTION), smooth_pictures(4)
    return model, jax.tree.map(jnp.asarray, model.start(scale_pixels(images.astype(np.float32)))), images


def gaussian_bits(v, log_scale):
    scale = np.exp(np.clip(log_scale, -18 / 8, 45 / 8))
    near, far = log_ndtr((0.5 - np.abs(v)) / scale), log_ndtr((-0.5 - np.abs(v)) / scale)
    return -np.log2(np.maximum(np.exp(near) - np.exp(far), LEAST_MASS))


def test_the_rate_is_that_of_the_definition(case):
    model, params, images = case
    qualities = jnp.array([0.0, 10.0, 60.0, 100.0])
    found = terms_of(model, params, images, qualities, None, NET)
    own, net = at_qualities(jax.tree.map(np.asarray, params), np.asarray(qualities), np), NumpyNet(np.float64)
    y, z = (np.asarray(part, np.float64) for part in model.analyse(net, own, scale_pixels(images.astype(np.float32))))
    hyper = [np.asarray(part, np.float64) for part in model.hyper_law(own)]
    logits, loc, log_scale = (part[:, None, None] for part in hyper[:3])
    u = np.floor(z / np.exp(hyper[3]) + 0.5)
    weights = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    ends = (expit((u[..., None] + d - loc) / np.exp(log_scale)) for d in (0.5, -0.5))
    hyper_bits = -np.log2(np.maximum((weights * np.subtract(*ends)).sum(-1), LEAST_MASS))
    law = [np.asarray(part, np.float64) for part in model.latent_law(net, own, np.exp(hyper[3]) * u)]
    v = np.floor((y - law[0]) / np.exp(law[2]) + 0.5)
    wanted = [bits.sum((1, 2, 3)) / 64**2 for bits in (hyper_bits, gaussian_bits(v, law[1]))]
    np.testing.assert_allclose(found.rate_bpp, np.stack(wanted, 1), rtol=1e-3)
    picture = model.synthesise(net, own, law[0] + np.exp(law[2]) * v)
    errors = 255 * (np.asarray(picture, np.float64) - scale_pixels(images.astype(np.float64)))
    np.testing.assert_allclose(found.distortion, (errors**2).mean((1, 2, 3)), rtol=1e-3)


def test_noise_costs_about_what_rounding_costs(case):
    model, params, images = case
    qualities = jnp.full(4, 50.0)
    of = [terms_of(model, params, images, qualities, key, NET) for key in (None, jax.random.key(0))]
    np.testing.assert_allclose(of[0].rate_bpp.sum(1), of[1].rate_bpp.sum(1), rtol=0.15)
    np.testing.assert_array_equal(of[0].distortion, of[1].distortion)  # behind the rounding there is no noise


def test_masses_sum_to_one():
    z, n = jnp.arange(-60.0, 61.0)[None, None, :, None], (1, 1, 3)
    law = HyperLaw(jnp.array([0.0, 1.0, -1.0]).reshape(n), jnp.array([-1.0, 0.5, 3.0]).reshape(n), jnp.zeros(n), 0.0)
    assert float(hyper_masses(law, z).sum()) == pytest.approx(1.0, abs=1e-5)
    for log_scale in (-3.0, 0.0, 2.0):
        assert float(latent_masses(jnp.full(z.shape, log_scale), z).sum()) == pytest.approx(1.0, abs=1e-5)


def test_gradients_pass_what_rounds_and_lead_back_from_the_bound():
    assert jax.grad(lambda x: 3 * rounded(x))(0.7) == 3 and rounded(0.7) == 1 and rounded(-0.5) == 0
    assert at_least(-1.0, 0.0) == 0
    assert jax.grad(lambda x: at_least(x, 0.0))(-1.0) == 0  # descent would go further down
    assert jax.grad(lambda x: -at_least(x, 0.0))(-1.0) == -1
    assert jax.grad(lambda x: at_least(x, 0.0))(1.0) == 1


def test_the_objective_falls_and_reaches_every_parameter(case):
    model, params, images = case
    objective = make_objective(model, NET, get_config("quick").train)
    step = jax.jit(jax.value_and_grad(objective, has_aux=True), compiler_options=FAST)
    losses, moved = [], params
    for number in range(8):  # at one key: the qualities that another draws change the loss by more than a step
        (loss, _), gradient = step(moved, images, jax.random.key(0), number)
        moved = jax.tree.map(lambda p, g: p - 5e-5 * jnp.sign(g), moved, gradient)
        losses.append(float(loss))
    assert losses[-1] < 0.995 * losses[0], losses  # from a start that is a transform coder already
    assert all(np.any(a != b) for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(moved), strict=True))

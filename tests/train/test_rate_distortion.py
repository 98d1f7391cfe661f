"""The objective of lossy models, against sums by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.models import make_model
from rec_jax.models.float_net import FloatNet
from rec_jax.models.knots import lambda_of
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.train.rate_distortion import rate_distortion_objective, terms

SECTION = dict(
    kind="rd_vae", levels=((8, 16, 2, 4, 0), (16, 16, 1, 4, 0)), knots=2, lambdas=(0.001, 0.1), distortion="mse"
)
NET = FloatNet(unroll=True)


@pytest.fixture(scope="module")
def case():
    model = make_model(SECTION)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    return model, jax.tree.map(jnp.asarray, model.start(scale_pixels(images.astype(np.float32)))), images


def test_rate_and_distortion_are_those_of_the_definition(case):
    model, params, images = case
    seen = []

    class Recording:
        """The model, whose posteriors and priors are kept."""

        def __getattr__(self, name):
            return getattr(model, name)

        def top_down(self, net, params, draw, *rest):
            def kept(layer, prior, hidden):
                q = model.posterior(net, layer.params, hidden, layer.context)
                seen.append([np.asarray(x, np.float64) for x in (*q, *prior)])
                return draw(layer, prior, hidden)

            return model.top_down(net, params, kept, *rest)

    qualities = jnp.array([0.0, 10.0, 60.0, 100.0])
    found = terms(Recording(), params, images, qualities, jax.random.key(0), NET)
    bits = np.zeros(4)
    for loc, log_scale, prior_loc, prior_log_scale in seen:
        variance, prior_variance = np.exp(2 * log_scale), np.exp(2 * prior_log_scale)
        kl = 0.5 * ((variance + (loc - prior_loc) ** 2) / prior_variance - 1) + prior_log_scale - log_scale
        bits += kl.sum((1, 2, 3)) / math.log(2)
    np.testing.assert_allclose(found.rate_bpp.sum(1), bits / 32**2, rtol=1e-4)
    assert found.rate_bpp.shape == (4, 2) and found.beyond_bpp.max() == 0
    errors = (np.asarray(found.pictures, np.float64) + 0.5) * 255 - (images + 0.5) / 256 * 255
    np.testing.assert_allclose(found.distortion, (errors**2).mean((1, 2, 3)), rtol=1e-4)


def test_what_a_latent_carries_beyond_the_most_is_counted_again(case):
    model, params, images = case
    found = terms(model, params, images, jnp.full(4, 50.0), jax.random.key(0), NET, most_dim_nats=0.0)
    np.testing.assert_allclose(found.beyond_bpp, found.rate_bpp.sum(1), rtol=1e-5)


def test_the_objective_weighs_what_is_beyond_the_most(case):
    """With nothing allowed, all of the rate is beyond: the loss has it once and beyond_weight times more."""
    model, params, images = case

    def loss(most_dim_nats, beyond_weight):
        objective = rate_distortion_objective(model, NET, most_dim_nats, beyond_weight)
        return float(objective(params, images, jax.random.key(3), 0)[0])

    without = loss(math.inf, 5.0)
    rate = loss(0.0, 1.0) - without
    assert rate > 0.01
    assert loss(0.0, 3.0) == pytest.approx(without + 3 * rate, rel=1e-4)


def test_the_objective_draws_one_quality_in_each_part_of_the_curve(case):
    """Its parts are unweighted means; its loss weights each image by the root of 0.01 / lambda."""
    model, params, images = case
    seen = []

    class Recording:
        def __getattr__(self, name):
            return getattr(model, name)

        def infer(self, net, params, x):
            return model.infer(net, params, x)

    objective = rate_distortion_objective(Recording(), NET, math.inf)
    import rec_jax.train.rate_distortion as module

    original = module.terms
    try:
        module.terms = lambda *a, **k: seen.append((a[3], original(*a, **k))) or seen[-1][1]
        loss, parts = objective(params, images, jax.random.key(3), 0)
    finally:
        module.terms = original
    qualities, found = seen[0]
    assert [int(q // 25) for q in np.asarray(qualities)] == [0, 1, 2, 3]
    lambdas = lambda_of((0.001, 0.1), np.asarray(qualities), np)
    rate, cost = np.asarray(found.rate_bpp.sum(1)), lambdas * np.asarray(found.distortion)
    unit = math.log(2) / 3
    assert float(parts.kl_nats_per_dim) == pytest.approx(unit * rate.mean(), rel=1e-4)
    assert float(parts.distortion_nats_per_dim) == pytest.approx(unit * cost.mean(), rel=1e-4)
    assert float(loss) == pytest.approx(unit * np.mean((rate + cost) * np.sqrt(0.01 / lambdas)), rel=1e-4)

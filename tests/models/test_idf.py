"""Integer flows: nothing is lost, in any arithmetic; laws are laws; training makes pictures cheaper."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.exact.network import ExactNet
from rec_jax.exact.scope import exact_jax
from rec_jax.models import make_model
from rec_jax.models.base import CurveModel, IntegerFlow, IntegerLaw, StartingModel
from rec_jax.models.channel_order import channel_order
from rec_jax.models.elbo import elbo_terms
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params
from rec_jax.models.float_net import FloatNet
from rec_jax.models.integer_flow import flow_log_prob_nats, law_log_prob_nats
from rec_jax.models.sampling import prior_pictures
from tests.models.tiny_hyperprior import smooth_pictures
from tests.models.tiny_idf import SECTION, tiny_idf

NET = FloatNet()
quickly = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
IMAGES = smooth_pictures(n=2, side=16)
VALUES = IMAGES.astype(np.float32) - 128


@pytest.fixture(scope="module")
def flow():
    return tiny_idf()


@functools.cache
def by_floats():
    return quickly(functools.partial(make_model(SECTION).forward, NET))


def test_it_is_a_flow(flow):
    model, _ = flow
    assert isinstance(model, IntegerFlow) and isinstance(model, StartingModel) and not isinstance(model, CurveModel)
    assert model.stride == 4 and model.groups == []


@pytest.mark.parametrize("dtype", ["int64", "float64"])
@pytest.mark.parametrize("spread", [40, 3000, 700_000])
def test_nothing_is_lost(spread, dtype):
    """Also of integers that no picture has, and of those that no convolution sees whole."""
    model, params = tiny_idf(steps=3)
    values = np.random.default_rng(spread).integers(-spread, spread + 1, (2, 8, 12, 3)).astype(dtype)
    net, own = ExactNet(np, dtype), exact_params(model, quantise_params(model, params), np, dtype)
    parts = model.forward(net, own, values)
    replayed = iter([part for part, _ in parts])
    np.testing.assert_array_equal(model.inverse(net, own, lambda law, shape: next(replayed), values.shape[1:3]), values)
    assert [part.shape for part, _ in parts] == [(2, 2, 3, 24), (2, 4, 6, 6)]
    _, closed = tiny_idf(0.0, steps=3)
    unmoved = model.forward(net, exact_params(model, quantise_params(model, closed), np, dtype), values)
    assert any(np.abs(part - whole).max() > 2 for (part, _), (whole, _) in zip(parts, unmoved, strict=True))


def test_every_arithmetic_gives_the_same_integers(flow):
    model, params = flow
    stored, found = quantise_params(model, params), []
    for xp, dtype in ((np, "int64"), (np, "float64"), (jnp, "float64")):
        with exact_jax():
            forward = functools.partial(model.forward, ExactNet(xp, dtype))
            forward = quickly(forward) if xp is jnp else forward
            parts = forward(exact_params(model, stored, xp, dtype), xp.asarray(VALUES.astype(dtype)))
            found.append([np.asarray(x, np.int64) for part, law in parts for x in (part, *law)])
    for judge, *others in zip(*found, strict=True):
        assert all(np.array_equal(judge, other) for other in others)


def test_integers_are_those_of_the_floats(flow):
    model, params = flow
    stored = quantise_params(model, params)
    exact = model.forward(ExactNet(), exact_params(model, stored), VALUES.astype(np.float64))
    for (ours, law), (theirs, near) in zip(exact, by_floats()(float_params(stored), VALUES), strict=True):
        assert np.mean(ours != np.asarray(theirs)) < 0.02  # a rounding may fall on the other side
        for units, value in zip(law, near, strict=True):
            assert np.median(np.abs(units / 2.0**16 - np.asarray(value))) < 2e-3


def test_permutations_are_fixed_and_move_every_quarter():
    """The numbers are part of the format."""
    assert channel_order(0, 0, 12) == (8, 4, 1, 7, 5, 6, 9, 2, 11, 10, 0, 3)
    orders = [channel_order(1, step, 24) for step in range(4)]
    assert all(sorted(order) == list(range(24)) for order in orders)
    assert sorted(i for order in orders for i in order[-6:]) == list(range(24))
    assert channel_order(0, 0, 24) != channel_order(1, 0, 24)


def test_a_law_is_a_law():
    rng = np.random.default_rng(0)
    law = IntegerLaw(*rng.normal(size=(3, 1, 1, 5, 3)) * np.array([1.0, 0.5, 1.0]).reshape(3, 1, 1, 1, 1))
    law = law._replace(log_scale=law.log_scale - 4.0)
    values = np.arange(-3000.0, 3001.0)
    masses = np.exp(law_log_prob_nats(law, np.broadcast_to(values[:, None, None, None], (6001, 1, 1, 5)), np))
    np.testing.assert_allclose(masses.sum(0), 1.0, atol=1e-9)
    far = law_log_prob_nats(law, np.full((1, 1, 1, 5), 1e5), np)
    assert np.isfinite(far).all() and (far < -300).all()


def test_it_starts_as_a_linear_prediction():
    """Gates are closed. What is moved is near 0 then; of what leaves, the colours that still stay are known well."""
    _, params = tiny_idf(0.0)
    (_, _), (leaves, law) = by_floats()(params, VALUES)
    lower = VALUES[:, 1::2]  # the lower row of every 2x2 square
    lower = np.concatenate([lower[:, :, ::2], lower[:, :, 1::2]], axis=-1)
    moved = [i - 6 for i in channel_order(0, 0, 12)[-3:] if i >= 6]
    others = sorted({*range(6)} - {*moved})
    np.testing.assert_array_equal(np.asarray(leaves)[..., others], lower[..., others])
    assert moved and np.asarray(leaves)[..., moved].std() < 0.25 * lower[..., moved].std()
    known = [i for i in others if i % 3 not in {c % 3 for c in channel_order(0, 0, 12)[-3:] if c < 6}]
    errors = (np.asarray(leaves) - 256 * np.asarray(law.loc)[..., 0])[..., known]
    assert known and errors.std() < 0.25 * lower[..., known].std()
    nats = -law_log_prob_nats(IntegerLaw(*map(np.asarray, law)), np.asarray(leaves), np)[..., known]
    assert nats.mean() < np.log(errors.std()) + 1.6


def test_training_makes_pictures_cheaper():
    """With the gradient of the identity through every rounding: gates open, though they begin at 0."""
    model, params = tiny_idf(0.0)
    optimizer = optax.adamax(2e-3)

    def loss(params):
        return -flow_log_prob_nats(model, NET, params, jnp.asarray(IMAGES)).mean() / IMAGES[0].size

    @quickly
    def step(params, state):
        value, gradient = jax.value_and_grad(loss)(params)
        updates, state = optimizer.update(gradient, state)
        return value, optax.apply_updates(params, updates), state

    losses, state = [], optimizer.init(params)
    for _ in range(40):
        value, params, state = step(params, state)
        losses.append(float(value))
    assert losses[-1] < losses[0] - 0.1
    gates = [abs(float(own["gate"][0])) for level in params["levels"] for own in level["steps"]]
    assert max(gates) > 1e-3


def test_its_bound_is_its_log_probability(flow):
    model, params = flow
    terms = quickly(elbo_terms, static_argnums=0)(model, params, jnp.asarray(IMAGES), jax.random.key(0))
    parts = by_floats()(params, VALUES)
    nats = sum(law_log_prob_nats(law, values, jnp).sum((1, 2, 3)) for values, law in parts)
    np.testing.assert_allclose(terms.log_likelihood_nats, nats, rtol=1e-5)
    assert terms.kl_nats.shape == (2, 0, 0)


def test_it_draws_pictures(flow):
    draw = quickly(prior_pictures, static_argnums=(0, 3, 4))
    samples = np.asarray(draw(*flow, jax.random.key(0), 2, (8, 8)))
    assert samples.shape == (2, 8, 8, 3) and samples.dtype == np.uint8 and samples.std() > 5


def test_a_stored_tree_is_checked(flow):
    model, params = flow
    check_stored(model, quantise_params(model, params), "it")


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("levels", 7, "model.levels=7: 1 to 6"),
        ("steps", 0, "1 to 16"),
        ("growth", 1.5, "1 to 4096"),
        ("depth", 7, "no more layers than channels"),
        ("n_components", 9, "1 to 8"),
    ],
)
def test_what_cannot_be_is_told(field, value, words):
    with pytest.raises(ConfigError, match=words):
        make_model(SECTION | {field: value})

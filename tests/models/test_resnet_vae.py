"""The walk: shapes, scan and unroll agree, the initialisation does what it says, the bound is a bound."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_model import LEVELS, fill, tiny_model

from rec_jax.core.compilation import training_compiler_options
from rec_jax.core.gaussian import sample
from rec_jax.core.prng import child_key, init_key
from rec_jax.models.base import Group
from rec_jax.models.elbo import elbo_terms
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.init import init_params
from rec_jax.models.likelihoods.base import log_likelihood_nats, scale_pixels
from rec_jax.models.shapes import param_shapes
from rec_jax.models.shuffle import depth_to_space, space_to_depth
from rec_jax.models.weight_norm import WeightNormConv

IMAGES = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny():
    return tiny_model()


NET = FloatNet()


def draw_sample(layer, prior, hidden):
    p = gaussian(*prior)
    return sample(child_key(jax.random.key(1), layer.number), p), p


def draw_posterior(model, key, record):
    """A draw from q; its record is record(z, q, p)."""

    def draw(layer, prior, hidden):
        q, p = gaussian(*model.posterior(NET, layer.params, hidden, layer.context)), gaussian(*prior)
        z = sample(child_key(key, layer.number), q)
        return z, record(z, q, p)

    return draw


def infer(model, params, images):
    return model.infer(NET, params, scale_pixels(images.astype(jnp.float32)))


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 12), (32, 32), (20, 4)])
def test_shapes_at_any_multiple_of_the_stride(tiny, height, width):
    model, params = tiny
    assert model.stride == 4 and model.groups == [Group(2, 4, 3), Group(1, 2, 1)]

    def walk(params, images):
        draw = draw_posterior(model, jax.random.key(1), lambda z, q, p: (q, p))
        return model.top_down(NET, params, draw, 2, (height, width), infer(model, params, images))

    outputs, records = jax.eval_shape(walk, params, jnp.zeros((2, height, width, 3), jnp.uint8))
    assert outputs.shape == (2, height, width, 24)
    for group, (q, p) in zip(model.groups, records, strict=True):
        side = height // group.stride, width // group.stride
        assert q.loc.shape == p.loc.shape == (group.n_layers, 2, *side, group.channels)


def test_prior_samples_need_no_image(tiny):
    model, params = tiny
    outputs, _ = jax.jit(lambda p: model.top_down(NET, p, draw_sample, 3, (8, 8)))(params)
    assert outputs.shape == (3, 8, 8, 24) and np.isfinite(outputs).all()


def negative_elbo(model, net):
    def loss(params):
        terms = elbo_terms(model, params, IMAGES, jax.random.key(2), net)
        return terms.kl_nats.sum() - terms.log_likelihood_nats.sum()

    return jax.jit(jax.value_and_grad(loss))


def test_scanned_and_unrolled_blocks_give_the_same_numbers_and_gradients(tiny):
    model, params = tiny
    (a, grad_a), (b, grad_b) = (negative_elbo(model, FloatNet(unroll=unroll))(params) for unroll in (False, True))
    np.testing.assert_allclose(a, b, rtol=1e-5)
    for x, y in zip(jax.tree.leaves(grad_a), jax.tree.leaves(grad_b), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3 * float(np.abs(x).max()) + 1e-5)
    assert all(float(np.abs(x).max()) > 0 for x in jax.tree.leaves(grad_a))  # every parameter matters


def test_layers_are_numbered_from_the_top_and_see_their_inputs(tiny):
    model, params = tiny

    def draw(layer, prior, hidden):
        return prior[0] + layer.inputs, (layer.number, layer.inputs)

    inputs = [np.arange(2.0, dtype=np.float32), np.float32([7.0])]
    _, records = jax.jit(lambda x: model.top_down(NET, params, draw, 1, (4, 4), inputs=x))(inputs)
    assert [np.asarray(number).tolist() for number, _ in records] == [[0, 1], [2]]
    assert [np.asarray(x).tolist() for _, x in records] == [[0.0, 1.0], [7.0]]


def test_elbo_terms_are_the_formula(tiny):
    """The same walk with the same draws, and the KL of Gaussians written out."""
    model, params = tiny
    key = jax.random.key(3)

    def walk(params):
        draw = draw_posterior(model, key, lambda z, q, p: (q, p))
        outputs, records = model.top_down(NET, params, draw, 2, (8, 12), infer(model, params, IMAGES))
        return log_likelihood_nats(model.likelihood, NET, params["likelihood"], outputs, IMAGES), records

    terms = jax.jit(lambda params: elbo_terms(model, params, IMAGES, key)._replace(channel_mask=None))(params)
    log_likelihood, records = jax.jit(walk)(params)
    np.testing.assert_allclose(terms.log_likelihood_nats, log_likelihood, rtol=1e-5)
    assert terms.kl_nats.shape == (2, 3, 3)
    layers = [jax.tree.map(lambda x, i=i: np.float64(x[i]), r) for r in records for i in range(len(r[0].loc))]
    for number, (q, p) in enumerate(layers):
        kl = np.log(p.scale / q.scale) + (q.scale**2 + (q.loc - p.loc) ** 2) / (2 * p.scale**2) - 0.5
        expected = kl.sum((1, 2))
        assert (expected > 0).all()
        np.testing.assert_allclose(terms.kl_nats[:, number, : expected.shape[1]], expected, rtol=1e-3, atol=1e-4)
        assert not np.asarray(terms.kl_nats[:, number, expected.shape[1] :]).any()


def test_the_mask_names_the_channels_that_exist(tiny):
    model, params = tiny
    mask = elbo_mask(model, params)
    np.testing.assert_array_equal(mask, [[True] * 3, [True] * 3, [True, False, False]])


def elbo_mask(model, params):
    kept = []

    def keep(params):
        terms = elbo_terms(model, params, jnp.zeros((1, 4, 4, 3), jnp.uint8), jax.random.key(0))
        kept.append(terms.channel_mask)
        return terms.kl_nats

    jax.eval_shape(keep, params)
    return kept[0]


def test_the_bound_is_below_the_likelihood():
    """log p(x) by importance sampling with 4000 draws of q; with so few latents it is accurate to 0.1 nat."""
    model, params = tiny_model("logistic", levels=((4, 1, 4, 1),))
    image = IMAGES[:1, :4, :4]

    def log_weight(key):
        def log_ratio(z, q, p):
            ratio = 0.5 * ((z - q.loc) / q.scale) ** 2 - 0.5 * ((z - p.loc) / p.scale) ** 2
            return jnp.sum(ratio - jnp.log(p.scale / q.scale))

        draw = draw_posterior(model, key, log_ratio)
        outputs, records = model.top_down(NET, params, draw, 1, (4, 4), infer(model, params, image))
        likelihood = log_likelihood_nats(model.likelihood, NET, params["likelihood"], outputs, image)[0]
        return likelihood + records[0].sum(), elbo(key)

    def elbo(key):
        terms = elbo_terms(model, params, image, key)
        return terms.log_likelihood_nats[0] - terms.kl_nats.sum()

    weights, elbos = jax.jit(jax.vmap(log_weight))(jax.random.split(jax.random.key(4), 4000))
    weights = np.float64(weights)
    log_p = np.log(np.mean(np.exp(weights - weights.max()))) + weights.max()
    error = 3 * (np.std(weights) + np.std(elbos)) / np.sqrt(4000)
    assert np.mean(elbos) < log_p + error
    assert abs(np.mean(elbos) - weights.mean()) < error  # two estimates of the same bound


@pytest.fixture(scope="module")
def initialised():
    model, _ = tiny_model()
    images = np.random.default_rng(5).integers(0, 256, (16, 16, 16, 3), np.uint8)
    images = (images // 4 + 16 * np.arange(4, 12).repeat(2)[:, None]).astype(np.uint8)  # not centred
    init = jax.jit(init_params, static_argnums=0, compiler_options=training_compiler_options())
    return model, init(model, init_key(0), images), images


def test_initialised_parameters_have_the_shapes_of_the_model(initialised):
    model, params, _ = initialised
    assert all(leaf.dtype == np.float32 and np.isfinite(leaf).all() for leaf in jax.tree.leaves(params))
    blocks = [leaf.shape[0] for leaf in jax.tree.leaves(params["up"][1])]
    assert set(blocks) == {LEVELS[1][1]}  # one stacked tree per level
    made = jax.tree.map(jnp.shape, params)
    assert made == jax.tree.map(jnp.shape, fill(param_shapes(model), np.random.default_rng(0)))


def test_a_convolution_leaves_with_unit_variance():
    x = 3.0 + 2.0 * jax.random.normal(jax.random.key(0), (8, 16, 16, 5))
    for scale in (1.0, 0.1):
        y, _ = WeightNormConv(7, init_scale=scale).init_with_output(jax.random.key(1), x)
        np.testing.assert_allclose(np.std(y, axis=(0, 1, 2)), scale, rtol=1e-3)
        np.testing.assert_allclose(np.mean(y, axis=(0, 1, 2)), 0.0, atol=1e-3 * scale)


def test_the_first_batch_passes_at_unit_scale(initialised):
    _, params, images = initialised
    first = params["down_sample"][0]
    conv = WeightNormConv(LEVELS[0][2])
    h = conv.apply({"params": first}, space_to_depth(scale_pixels(images.astype(np.float32)), 2))
    np.testing.assert_allclose(np.std(h, axis=(0, 1, 2)), 1.0, rtol=1e-2)
    np.testing.assert_allclose(np.mean(h, axis=(0, 1, 2)), 0.0, atol=1e-2)


def test_an_initialised_model_starts_near_the_prior_and_near_the_data(initialised):
    model, params, images = initialised

    def terms_of(params):
        terms = elbo_terms(model, params, images, jax.random.key(0))
        return terms.log_likelihood_nats, terms.kl_nats

    log_likelihood, kl = jax.jit(terms_of)(params)
    bits_per_dim = -np.mean(log_likelihood) / np.log(2) / images[0].size
    assert bits_per_dim < 9.0
    assert np.mean(kl) / (8 * 8) < 0.2  # nats per latent


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_shuffles_are_inverse(factor):
    x = np.arange(2 * 6 * 12 * 5).reshape(2, 6, 12, 5)
    y = space_to_depth(x, factor)
    assert y.shape == (2, 6 // factor, 12 // factor, 5 * factor**2)
    np.testing.assert_array_equal(depth_to_space(y, factor), x)

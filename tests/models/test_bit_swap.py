"""The chain of logistic latents: algebra against quadrature, one network under every arithmetic, what configs say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import logistic

from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.core.prng import init_key
from rec_jax.exact.network import ExactNet
from rec_jax.exact.scope import exact_jax
from rec_jax.models import logistics, make_model
from rec_jax.models.base import CurveModel, MarkovModel
from rec_jax.models.elbo import elbo_terms
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params
from rec_jax.models.float_net import FloatNet
from rec_jax.models.init import init_params
from rec_jax.models.likelihoods.base import Phase, log_prob_nats, scale_pixels
from rec_jax.models.markov import as_tiles, draw_posterior, generative_laws, of_tiles
from rec_jax.models.numpy_net import NumpyNet
from rec_jax.models.sampling import posterior_pictures, prior_pictures
from tests.models.tiny_bit_swap import SECTION, smooth_tiles, tiny_bit_swap

NET = FloatNet()


def test_it_is_a_chain_of_one_group():
    model, _ = tiny_bit_swap()
    assert isinstance(model, MarkovModel) and not isinstance(model, CurveModel)
    assert model.stride == 8 and [tuple(group) for group in model.groups] == [(3, 2, 2)]
    assert not isinstance(
        make_model(dict(kind="resnet_vae", levels=((2, 1, 4, 1),), likelihood="logistic")), MarkovModel
    )


@pytest.mark.parametrize("loc, scale", [(0.0, 1.0), (3.0, 0.1), (-2.0, 7.0)])
def test_the_density_is_a_logistics(loc, scale):
    z = np.linspace(-30, 30, 101).astype(np.float32)
    wanted = logistic.logpdf(z, loc, scale)
    np.testing.assert_allclose(
        logistics.log_prob(jnp.asarray(z), logistics.Logistic(loc, scale)), wanted, rtol=2e-5, atol=2e-4
    )


def test_the_mean_of_samples_is_the_kl_by_quadrature():
    q, p = logistics.Logistic(0.4, 0.3), logistics.Logistic(-0.2, 1.1)

    def integrand(z):
        return logistic.pdf(z, *q) * (logistic.logpdf(z, *q) - logistic.logpdf(z, *p))

    kl, _ = quad(integrand, -12, 12)
    z = q.loc + q.scale * jax.random.logistic(jax.random.key(0), (200_000,))
    terms = np.asarray(logistics.log_prob(z, q) - logistics.log_prob(z, p), np.float64)
    assert abs(terms.mean() - kl) < 4 * terms.std() / np.sqrt(len(terms))


def test_scales_are_the_papers_where_training_begins():
    zero = jnp.zeros(1)
    assert float(logistics.posterior(zero, zero).scale[0]) == pytest.approx(0.1 + 0.9 / (1 + np.exp(-2)))
    assert float(logistics.generative(zero, zero).scale[0]) == pytest.approx(1.0, abs=2e-3)


@pytest.fixture(scope="module")
def walked():
    """(terms, what the walk drew, its priors, what it says of pixels, gradients) of one draw for two pictures."""
    model, params = tiny_bit_swap(bare=True)
    key = jax.random.key(3)

    def loss(params, images):
        terms = elbo_terms(model, params, images, key)
        drawn = draw_posterior(model, NET, params, scale_pixels(images.astype(jnp.float32)), key)
        latents = [z for z, _ in drawn]
        outputs = model.outputs(NET, params, jnp.clip(latents[0], -16, 16))
        seen = terms[:2], drawn, generative_laws(model, NET, params, latents), outputs
        return terms.kl_nats.sum() - terms.log_likelihood_nats.sum(), seen

    (_, seen), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(params, smooth_tiles(2))
    return *seen, gradients


def test_elbo_terms_are_the_chains_formula(walked):
    """With scipy's densities, in float64."""
    (log_likelihood, kl_nats), drawn, laws, outputs, _ = walked
    model, params = tiny_bit_swap(bare=True)
    assert kl_nats.shape == (2, 2, 2)
    assert np.all(np.asarray(laws[-1].loc) == 0) and laws[-1].scale == 1.0
    for number, ((z, q), p) in enumerate(zip(drawn, laws, strict=True)):
        q, p, z = (tuple(np.asarray(x, np.float64) for x in law) for law in (q, p, (z,)))
        wanted = (logistic.logpdf(*z, *q) - logistic.logpdf(*z, *p)).sum((1, 2))
        np.testing.assert_allclose(kl_nats[:, 1 - number], wanted, rtol=1e-3, atol=1e-2)  # top layer first
    rows = model.likelihood.rows(NumpyNet(), params["likelihood"], np.asarray(outputs), None, Phase())
    wanted = log_prob_nats(rows, smooth_tiles(2).astype(np.float64), np).sum((1, 2))
    np.testing.assert_allclose(log_likelihood, wanted, rtol=1e-5)


def test_every_parameter_is_learned(walked):
    gradients = jax.tree.leaves(walked[-1])
    assert all(float(np.abs(x).max()) > 0 and np.isfinite(x).all() for x in gradients)


def test_it_starts_as_the_identity_of_its_units():
    """A unit adds nothing, laws have the gains that were asked for, the free scales are the data's."""
    model = make_model(SECTION | dict(layers=1, units=1, wide_units=0))

    def begin(images):
        params, x = init_params(model, init_key(0), images), scale_pixels(images.astype(jnp.float32))
        return params, model.inference_law(NET, params, 0, x)[0]

    params, loc = jax.jit(begin)(smooth_tiles(32))
    (infer,), (generate,) = params["infer"], params["generate"]
    assert not any(np.asarray(net["units"][0]["second"]["g"]).any() for net in (infer, generate))
    np.testing.assert_allclose(np.asarray(loc).std((0, 1, 2)), 1.0, rtol=0.01)
    assert params["likelihood"]["log_scale"].shape == (8, 8, 3)
    assert infer["in"]["v"].shape == (5, 5, 12, 6) and generate["in"]["v"].shape == (3, 3, 2, 6)


def test_every_net_is_the_same_network():
    """int64, float64 and jax agree on every law exactly; the float net does to a few units."""
    model, params = tiny_bit_swap()
    assert [len(net.get("units", [])) for net in params["infer"]] == [1, 1, 0]
    stored = quantise_params(model, params)
    check_stored(model, stored, "tiny")
    pixels = smooth_tiles(1)
    rng = np.random.default_rng(0)
    z = rng.integers(-(4 << 12), 4 << 12, (1, 4, 4, 2))

    def laws(net, params, x, z):
        found = [*model.inference_law(net, params, 0, x), model.outputs(net, params, z)]
        for number in (1, 2):
            found += [*model.inference_law(net, params, number, z), *model.generative_law(net, params, number, z)]
        return found

    def integers(xp, dtype, compiled=lambda f: f, laws=laws):
        net, exact = ExactNet(xp, dtype), exact_params(model, stored, xp, dtype)
        found = compiled(lambda exact, x, z: laws(net, exact, net.pixels(x, 8), z))
        return [np.asarray(y, np.int64) for y in found(exact, xp.asarray(pixels), xp.asarray(z.astype(dtype)))]

    def last_law(net, params, x, z):
        del x
        return model.inference_law(net, params, 2, z)

    found = [integers(np, "int64"), integers(np, "float64")]
    with exact_jax():
        by_jax = integers(jnp, "float64", jax.jit, last_law)
    np.testing.assert_array_equal(by_jax, found[0][-4:-2])
    for judge, *others in zip(*found, strict=True):
        assert all(np.array_equal(judge, other) for other in others) and judge.std() > 0
    floats = laws(NumpyNet(np.float64), float_params(stored), scale_pixels(pixels.astype(float)), z / 4096)
    for i, (units, value) in enumerate(zip(found[0], floats, strict=True)):
        np.testing.assert_allclose(units / (65536 if i == 2 else 4096), value, atol=0.02)


def test_files_of_other_shapes_are_damage():
    model, params = tiny_bit_swap()
    stored = quantise_params(model, params)
    with pytest.raises(CorruptFile, match="generate"):
        check_stored(model, stored | {"generate": stored["generate"][:2]}, "tiny")


def test_pictures_are_drawn_from_both_ends():
    model, params = tiny_bit_swap(bare=True)
    images = smooth_tiles(3)

    def draw(params, images):
        key = jax.random.key(0)
        return prior_pictures(model, params, key, 3, (8, 8)), posterior_pictures(model, params, key, images)

    drawn, again = jax.jit(draw)(params, images)
    np.testing.assert_array_equal(of_tiles(as_tiles(smooth_tiles(2, 24), 8), (24, 24)), smooth_tiles(2, 24))
    np.testing.assert_array_equal(as_tiles(smooth_tiles(2, 24), 8)[4], smooth_tiles(2, 24)[0, 8:16, 8:16])
    assert drawn.shape == again.shape == images.shape and drawn.dtype == again.dtype == jnp.uint8
    assert np.std(drawn) > 0


@pytest.mark.parametrize(
    "field, value", [("side", 7), ("side", 128), ("layers", 0), ("width", 0), ("channels", 2.0), ("units", -1)]
)
def test_impossible_fields_are_told(field, value):
    with pytest.raises(ConfigError, match=f"model.{field}={value}"):
        make_model(SECTION | {field: value})


def test_free_scales_are_learned_in_quarters():
    """By the chain rule in both directions: log-scale = 4 learned."""
    likelihood = make_model(SECTION).likelihood
    for to_gradient in (True, False):
        assert likelihood.change_coordinates({"log_scale": 0.5}, to_gradient) == {"log_scale": 2.0}

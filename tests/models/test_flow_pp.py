"""A flow: maps and their slopes against numerical differentiation, walks against their inverses and Jacobians."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.exact.network import ExactNet, sigmoids
from rec_jax.models import make_model
from rec_jax.models.base import ContinuousFlow, StartingModel
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params
from rec_jax.models.float_net import FloatNet
from rec_jax.models.flow_bound import dequantised_terms
from rec_jax.models.flow_maps import Affine, MixtureCoupling, PixelLogit, Sigmoid, elements
from rec_jax.models.flow_pp import Step
from rec_jax.models.flow_sampling import flow_pictures
from rec_jax.models.numpy_net import NumpyNet
from tests.models.tiny_flow_pp import SECTION, coupling, smooth_pictures, tiny_flow

RNG = np.random.default_rng(0)
FAST = {"xla_backend_optimization_level": 0}  # to compile


MAPS = {
    "pixel_logit": (PixelLogit(), RNG.uniform(0.0, 256.0, (2, 5, 3))),
    "sigmoid": (Sigmoid(), RNG.normal(0, 3, (2, 5, 3))),
    "affine": (Affine(RNG.normal(size=3), RNG.normal(size=3)), RNG.normal(size=(2, 5, 3))),
    "coupling": (coupling((2, 5, 3)), RNG.normal(size=(2, 5, 3))),
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_has_an_inverse_and_the_slope_that_differences_show(name):
    f, x = MAPS[name]
    y, log_slope = f.forward(x, np)
    np.testing.assert_allclose(f.inverse(y), x, atol=1e-7)
    step = 1e-5 * (256 if name == "pixel_logit" else 1)
    difference = (f.forward(x + step, np)[0] - f.forward(x - step, np)[0]) / (2 * step)
    np.testing.assert_allclose(np.log(difference), log_slope, atol=2e-4)
    by_jax = jax.jit(lambda x: f.forward(x, jnp), compiler_options=FAST)(x.astype(np.float32))
    for ours, theirs in zip((y, log_slope), by_jax, strict=True):
        np.testing.assert_allclose(theirs, ours, atol=2e-3)


def test_an_inverse_is_found_for_any_mixture_and_far_out():
    shape = (300,)
    mixture = [RNG.normal(0, s, (4, *shape)) for s in (3, 5, 2)]
    f = MixtureCoupling(np.zeros(()), np.zeros(()), *mixture, np.zeros(shape), np.zeros(shape))
    y = RNG.normal(0, 60, shape)
    np.testing.assert_allclose(f.forward(f.inverse(y), np)[0], y, atol=1e-4)


def test_elements_of_a_map_are_the_map_of_elements():
    f, x = MAPS["coupling"]
    where = slice(7, 19)
    part = elements(f, x.shape, where)
    for ours, theirs in zip(part.forward(x.ravel()[where], np), f.forward(x, np), strict=True):
        np.testing.assert_allclose(ours, theirs.ravel()[where], rtol=1e-12)


@pytest.mark.parametrize("step", [Step("columns", False), Step("columns", True), Step("channels", True)])
def test_halves_are_put_together_again(step):
    h = RNG.normal(size=(2, 4, 6, 8))
    np.testing.assert_array_equal(step.merged(*step.split(h), np), h)


@pytest.fixture(scope="module")
def case():
    model, params = tiny_flow()
    return model, params, smooth_pictures()


def forward(f, x):
    return f.forward(x, np)[0]


def backward(f, y):
    return f.inverse(y)


def test_a_walk_back_undoes_a_walk(case):
    model, params, images = case
    x, net = images.astype(np.float64), NumpyNet(np.float64)
    e = RNG.normal(size=x.shape)
    u = model.dequantise(net, params, forward, e, x)
    assert u.min() > 0 and u.max() < 1
    np.testing.assert_allclose(model.dequantise_back(net, params, backward, u, x), e, atol=1e-6)
    z = model.flow(net, params, forward, x + u)
    np.testing.assert_allclose(model.flow_back(net, params, backward, z), x + u, atol=1e-4)


def jacobian_log_det(f, x):
    """log |det df/dx| at x [1, 4, 4, 3] by central differences, all in one batch."""
    step = 1e-5
    moves = step * np.eye(x.size).reshape(-1, *x.shape[1:])
    slopes = (f(x + moves) - f(x - moves)).reshape(x.size, x.size) / (2 * step)
    sign, log_det = np.linalg.slogdet(slopes)
    assert sign == 1
    return log_det


def test_the_bound_is_that_of_the_whole_jacobian(case):
    model, params, images = case
    image, net = images[:1, :4, :4], NumpyNet(np.float64)
    x, key = image.astype(np.float64), jax.random.key(3)
    e = np.asarray(jax.random.normal(key, x.shape), np.float64)

    def noise_to_u(e):
        return model.dequantise(net, params, forward, e, np.broadcast_to(x, e.shape))

    def v_to_z(v):
        return model.flow(net, params, forward, v)

    def log_normal(a):
        return -0.5 * float((a**2).sum() + a.size * np.log(2 * np.pi))

    u = noise_to_u(e)
    bound = jax.jit(functools.partial(dequantised_terms, model, FloatNet()), compiler_options=FAST)
    log_p, log_q = bound(params, image, key)
    assert float(log_q[0]) == pytest.approx(log_normal(e) - jacobian_log_det(noise_to_u, e), abs=0.02)
    assert float(log_p[0]) == pytest.approx(log_normal(v_to_z(x + u)) + jacobian_log_det(v_to_z, x + u), abs=0.02)


def test_it_starts_near_the_identity_with_normal_halves(case):
    images = smooth_pictures(16, 16)
    model = make_model(SECTION)
    params = model.start((images + 0.5) / 256 - 0.5)
    u = RNG.uniform(size=images.shape)
    z = model.flow(NumpyNet(np.float64), params, forward, images + u)
    np.testing.assert_allclose([z.mean(), z.std()], [0, 1], atol=0.25)
    assert isinstance(model, ContinuousFlow) and isinstance(model, StartingModel)


def test_every_net_says_the_same(case):
    """Integers and floats agree to their rounding; int64, the judge, and float64 exactly."""
    model, params, images = case
    stored = quantise_params(model, params)
    check_stored(model, stored, "it")
    x = images[:1].astype(np.float64)
    v = x + 0.5
    z = model.flow(NumpyNet(np.float64), float_params(stored), forward, v)
    found = [model.flow(ExactNet(np, t), exact_params(model, stored, np, t), forward, v) for t in ("int64", "float64")]
    np.testing.assert_array_equal(*found)
    np.testing.assert_allclose(found[0], z, atol=0.02)


def test_the_gate_of_integers_is_a_sigmoid():
    units = np.array([-70_000, -65_536, -5_000, -1, 0, 1, 31, 32, 4_097, 65_535, 65_536, 70_000.0])
    assert len(sigmoids()) == 32 * 4096 + 1
    found = ExactNet().gate(np.stack([np.full(12, 4096.0 * 16), units], -1))[:, 0] / 2**16
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-units / 4096)), atol=2**-16)


def test_samples_are_pictures(case):
    model, params, _ = case
    pictures = flow_pictures(model, params, 0, 2, (8, 4))
    assert pictures.shape == (2, 8, 4, 3) and pictures.dtype == np.uint8 and pictures.std() > 10


@pytest.mark.parametrize(
    "field, value, words",
    [
        ("couplings", (2, 1), "three numbers"),
        ("couplings", (0, 1, 1), "at least 1 before"),
        ("couplings", (1, 0, 0), "1 after"),
        ("dequantiser", 0, "model.dequantiser=0: 1 to"),
        ("blocks", 1.5, "model.blocks=1.5: 1 to"),
        ("width", 0, "1 to 4096"),
        ("n_components", 0, "a mixture has"),
    ],
)
def test_what_cannot_be_is_told(field, value, words):
    with pytest.raises(ConfigError, match=words):
        make_model(SECTION | {field: value})

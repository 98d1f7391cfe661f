"""Phases hold every pixel once, look only back, and are the same whether cut into blocks or not, in any arithmetic."""

import copy
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.exact.network import OUTPUT_BITS, ExactNet
from rec_jax.exact.scope import exact_jax
from rec_jax.models import make_model
from rec_jax.models.elbo import elbo_terms
from rec_jax.models.exact_params import check_stored, exact_params, float_params, quantise_params
from rec_jax.models.float_conv import convolve, convolve_plain
from rec_jax.models.float_net import FloatNet
from rec_jax.models.likelihoods import phases_grid as module
from rec_jax.models.likelihoods.base import scale_pixels

SECTION = dict(kind="phases", widths=(6, 4), spatial=(3, 0), n_pointwise=1, window=5, n_components=2, border=True)
MODEL = make_model(SECTION)
PHASES = MODEL.likelihood
SIZES = [*itertools.product(range(1, 10), range(1, 10)), (64, 64), (33, 47), (1, 300)]


@pytest.fixture(scope="module")
def stored():
    rng = np.random.default_rng(0)
    params = jax.tree.map(lambda x: x + 0.1 * rng.normal(size=x.shape), PHASES.init(np.zeros((1, 1, 1, 3)), np))
    stored = quantise_params(MODEL, {"likelihood": params})
    check_stored(MODEL, stored, "tiny")
    return stored


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 8)


def exact_rows(stored, pixels, phase, dtype="float64", depth=8):
    net, params = ExactNet(np, dtype), exact_params(MODEL, stored, np, dtype)
    return PHASES.rows(net, params["likelihood"], None, pixels, phase, depth)


def noise(height, width, depth=8, batch=1):
    return np.random.default_rng(1).integers(0, 1 << depth, (batch, height, width, 3)).astype(f"uint{depth}")


@pytest.mark.parametrize("block", [8, 1 << 15])
def test_every_pixel_is_in_one_block(monkeypatch, block):
    monkeypatch.setattr(module, "BLOCK", block)
    monkeypatch.setattr(module, "PART", 5)
    for size in SIZES:
        count = np.zeros((1, *size), int)
        for phase in PHASES.phases(*size):
            assert phase.of(count).shape == (1, phase.height, phase.width) and 0 < phase.of(count).size <= block
            for each in PHASES.parts(phase):
                part = each.of(count)
                assert part.shape == (1, each.height, each.width) and 0 < part.size <= 5
                part += 1
        assert (count == 1).all()


@pytest.mark.parametrize("size", [(1, 4), (2, 1), (7, 6), (9, 16)])
def test_rows_change_only_with_what_they_are_said_to_read(stored, small_blocks, size):
    """Of a copy of the picture per phase, in which the pixels of that phase are others."""
    phases = PHASES.phases(*size)
    pixels = np.tile(noise(*size), (len(phases) + 1, 1, 1, 1))
    for i, phase in enumerate(phases):
        phase.of(pixels[i + 1 : i + 2])[...] ^= 85
    seen = 0
    for number, phase in enumerate(phases):
        rows = exact_rows(stored, pixels, phase)
        for i, other in enumerate(phases):
            changed = any((part[0] != part[i + 1]).any() for part in rows)
            seen += changed
            assert not changed or (i < number and PHASES.reads(phase, other))
    assert seen >= len(phases) - 1


@pytest.mark.parametrize("size", [(9, 16), (33, 47)])
def test_blocks_have_no_seams(stored, monkeypatch, size):
    pixels = noise(*size)
    whole = {(p.step, p.kind): exact_rows(stored, pixels, p) for p in PHASES.phases(*size)}
    monkeypatch.setattr(module, "BLOCK", 8)
    blocks = PHASES.phases(*size)
    assert len(blocks) > len(whole)
    for phase in blocks:
        expected = whole[phase.step, phase.kind]
        at = slice(phase.top // phase.step, None), slice(phase.left // phase.step, None)
        for found, part in zip(exact_rows(stored, pixels, phase), expected, strict=True):
            np.testing.assert_array_equal(found, part[:, at[0], at[1]][:, : phase.height, : phase.width])


def test_only_windows_that_reach_beyond_the_picture_are_told_so(stored):
    """What the border's weights change: rows whose window or 3x3 block reaches out of the picture, and all of those."""
    pixels, size = noise(33, 34), (33, 34)
    without = copy.deepcopy(stored)
    for kinds in without["likelihood"]["sets"].values():
        for network in kinds.values():
            network["border"]["w"][...] = 0
    for phase in PHASES.phases(*size):
        if phase.kind:
            reach = 2 + (PHASES._halo(phase) > 2)
            moved = exact_rows(stored, pixels, phase).loc != exact_rows(without, pixels, phase).loc
            moved = moved.any(axis=(0, 3, 4))
            rows, columns = (-(-side // phase.step) for side in size)
            inside = np.zeros((rows, columns), bool)
            inside[reach : rows - reach, reach : columns - reach] = True
            inside = inside[: phase.height, : phase.width]
            assert not moved[inside].any() and moved[~inside].mean() > 0.5


@pytest.mark.parametrize("depth", [8, 16])
def test_integers_and_floats_give_the_same(stored, depth):
    pixels = noise(7, 9, depth)
    for phase in PHASES.phases(7, 9):
        found = (exact_rows(stored, pixels, phase, dtype, depth) for dtype in ("int64", "float64"))
        for a, b in zip(*found, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_device_gives_the_same(stored):
    pixels, phase = noise(2, 2), PHASES.phases(2, 2)[-1]
    with exact_jax():
        params = exact_params(MODEL, stored, jnp)["likelihood"]
        found = PHASES.rows(ExactNet(jnp), params, None, jnp.asarray(pixels), phase)
    for a, b in zip(exact_rows(stored, pixels, phase), found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_rows_are_near_those_of_the_floats_that_they_stand_for(stored):
    pixels, params = noise(4, 3), float_params(stored)["likelihood"]
    phases = PHASES.phases(4, 3)
    found = jax.jit(lambda x: [PHASES.rows(FloatNet(), params, None, x, phase) for phase in phases])
    for phase, floats in zip(phases, found(pixels.astype(np.float32)), strict=True):
        for a, b in zip(exact_rows(stored, pixels, phase), floats, strict=True):
            np.testing.assert_allclose(a * 2.0**-OUTPUT_BITS, b, atol=4e-3)


def test_the_bound_is_the_likelihood(stored):
    bound = jax.jit(lambda images: elbo_terms(MODEL, float_params(stored), images, jax.random.key(0))[:2])
    log_likelihood_nats, kl_nats = bound(noise(3, 2, batch=2))
    assert log_likelihood_nats.shape == (2,) and np.isfinite(log_likelihood_nats).all()
    assert kl_nats.shape == (2, 0, 0)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 5), (1, 3)])
@pytest.mark.parametrize("valid", [False, True])
def test_the_fast_gradient_of_a_convolution_is_its_gradient(kernel, valid):
    rng = np.random.default_rng(0)
    for n_in in (2, 16):
        x, w = rng.normal(size=(2, 6, 5, n_in)).astype("f4"), rng.normal(size=(*kernel, n_in, 3)).astype("f4")
        wanted, found = (
            jax.value_and_grad(lambda x, w, f=f: jnp.sum(jnp.sin(f(x, w, jnp.float32, valid))), (0, 1))(x, w)
            for f in (convolve, convolve_plain)
        )
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), wanted, found)


@pytest.mark.parametrize("wrong", [
    dict(widths=()), dict(spatial=(3,)), dict(widths=(0, 4)), dict(spatial=(3, -1)), dict(window=4), dict(window=1),
    dict(n_pointwise=-1), dict(n_components=9), dict(widths="ab"),
    dict(border=1),
])  # fmt: skip
def test_sections_that_cannot_be_are_refused(wrong):
    with pytest.raises(ConfigError, match=f"model.{next(iter(wrong))}"):
        make_model(SECTION | wrong)


LATENTS = dict(kind="resnet_vae", levels=((2, 1, 4, 1),), likelihood="phases", n_features=3, n_levels=2)
GIVEN = make_model(SECTION | LATENTS)


@pytest.fixture(scope="module")
def stored_given():
    likelihood, rng = GIVEN.likelihood, np.random.default_rng(0)
    start = likelihood.init(scale_pixels(noise(16, 16).astype(np.float32)), np)
    return quantise_params(GIVEN, {"likelihood": jax.tree.map(lambda x: x + 0.1 * rng.normal(size=x.shape), start)})


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (8, 8), (9, 13)])
def test_few_levels_hold_every_pixel_once(size):
    count = np.zeros((1, *size), int)
    for phase in GIVEN.likelihood.phases(*size):
        part = phase.of(count)
        assert part.shape == (1, phase.height, phase.width)
        part += 1
    assert (count == 1).all()


def given_rows(stored, features, pixels, phase, dtype="float64"):
    params = exact_params(GIVEN, stored, np, dtype)["likelihood"]
    return GIVEN.likelihood.rows(ExactNet(np, dtype), params, features.astype(dtype), pixels, phase)


def test_every_phase_is_moved_by_its_features_and_the_same_in_any_arithmetic(stored_given):
    pixels = noise(8, 10)
    features = np.random.default_rng(2).integers(-(1 << 17), 1 << 17, (1, 8, 10, 3))
    floats = float_params(stored_given)["likelihood"]
    for phase in GIVEN.likelihood.phases(8, 10):
        rows, zero = (given_rows(stored_given, f, pixels, phase) for f in (features, 0 * features))
        judge = given_rows(stored_given, features, pixels, phase, "int64")
        near = GIVEN.likelihood.rows(
            FloatNet(), floats, jnp.asarray(features * 2.0**-16, jnp.float32), pixels.astype(np.float32), phase
        )
        for a, b, c in zip(rows, judge, near, strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_allclose(a * 2.0**-OUTPUT_BITS, c, atol=6e-3)
        assert (rows.loc != zero.loc).mean() > 0.5

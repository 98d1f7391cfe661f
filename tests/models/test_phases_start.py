"""A start that predicts, coordinates that are white, and updates that stay in them."""

import jax
import numpy as np
import pytest

from rec_jax.data.embedded import embedded_patches
from rec_jax.models import make_model
from rec_jax.models.exact_params import quantise_params
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.likelihoods.phases_start import change_coordinates, least_squares, start, whitener, windows

SECTION = dict(kind="phases", widths=(6, 4), spatial=(3, 0), n_pointwise=1, window=3, n_components=2)
MODEL = make_model(SECTION)


@pytest.fixture(scope="module")
def pictures():
    return scale_pixels(embedded_patches("test", 32).array()[:32].astype(np.float32)).astype(np.float32)


@pytest.mark.parametrize("kind", [1, 2, 3])
def test_the_base_predicts_as_well_as_least_squares(pictures, kind):
    patches, targets = windows(pictures, 0, kind, 3, np)
    weights, offset, left = least_squares(patches, targets, np)
    best = np.linalg.lstsq(np.c_[patches, np.ones(len(patches))], targets, rcond=None)[0]
    best_left = (targets - np.c_[patches, np.ones(len(patches))] @ best).std(0)
    np.testing.assert_allclose((targets - patches @ weights - offset).std(0), left, rtol=1e-3)
    assert (left < 1.02 * best_left + 1e-3).all() and (left < 0.5 * targets.std(0)).all()


def test_windows_are_the_pixels_around(pictures):
    patches, targets = windows(pictures[:1, :4, :4], 0, 3, 3, np)
    at = patches.reshape(2, 2, 3, 3, 3, 3)  # square, square, tap, tap, kind, colour
    np.testing.assert_array_equal(targets.reshape(2, 2, 3), pictures[0, 1:4:2, 0:4:2])
    np.testing.assert_array_equal(at[1, 1, 1, 1], pictures[0, [2, 3, 2], [2, 3, 3]])
    np.testing.assert_array_equal(at[1, 1, 0, 1], pictures[0, [0, 1, 0], [2, 3, 3]])


def test_white_windows_are_nearly_white(pictures):
    patches, _ = windows(pictures, 0, 2, 3, np)
    spread = [np.linalg.cond(np.cov(x.T) + 1e-9 * np.eye(x.shape[1])) for x in (patches, patches @ whitener(2, 0, 3))]
    assert spread[1] < spread[0] / 50


def test_a_gradient_goes_over_by_the_transpose_and_bases_stay(pictures):
    """<W^T g, u> = <g, W u>, so that to first order the loss changes as the inner optimizer believes."""
    params, rng = start(MODEL.likelihood, pictures, np), np.random.default_rng(0)
    gradient, update = (jax.tree.map(lambda x: rng.normal(size=x.shape), params) for _ in range(2))
    there, back = change_coordinates(gradient, True), change_coordinates(update, False)

    def inner(a, b):
        pairs = zip(jax.tree.leaves(_learned(a)), jax.tree.leaves(_learned(b)), strict=True)
        return sum(np.sum(x * y) for x, y in pairs)

    np.testing.assert_allclose(inner(there, update), inner(gradient, back), rtol=1e-5)
    bases = [net["base"] for s in back["sets"].values() for net in s.values()]
    assert all((leaf == 0).all() for leaf in jax.tree.leaves(bases))


def test_pictures_too_small_for_a_level_give_parameters_of_the_same_shapes(pictures):
    big, small = (start(MODEL.likelihood, x, np) for x in (pictures, pictures[:, :1, :1]))
    assert jax.tree.map(np.shape, big) == jax.tree.map(np.shape, small)
    quantise_params(MODEL, {"likelihood": big})


def _learned(params):
    """All but the bases."""
    networks = [network for kinds in params["sets"].values() for network in kinds.values()]
    return params["coarsest"], [{name: x for name, x in net.items() if name != "base"} for net in networks]

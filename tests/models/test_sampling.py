"""Pixels that are drawn follow the law that files are coded under."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.codec.package import open_package
from rec_jax.data.embedded import embedded_patches
from rec_jax.evaluate.pictures import grid, picture_evaluator
from rec_jax.models.init import init_params
from rec_jax.models.likelihoods.base import Phase, PixelParams, log_prob_nats
from rec_jax.models.likelihoods.phases import Phases
from rec_jax.models.phases_model import PhasesModel
from rec_jax.models.sampling import draw_pixels, prior_pictures

N = 4_000


class Given:
    """One pixel, of a law that is given."""

    def __init__(self, rows):
        self._rows = rows

    def phases(self, height, width):
        return [Phase(0, 0, 1, 0, height, width)]

    def rows(self, net, params, outputs, pixels, phase):
        return PixelParams(*(jnp.broadcast_to(x, (len(pixels), 1, 1, 3, 2)) for x in self._rows))


@pytest.mark.parametrize("channel", range(3))
def test_values_are_as_frequent_as_they_are_probable(channel):
    """Of each colour, given those before it, which are sharp here."""
    log_scale = np.full((3, 2), -9.0)
    log_scale[channel] = -4.0, -2.5
    rows = PixelParams(
        logits=np.array([[0.0, 1.0], [0.0, 0.0], [2.0, 0.0]]),
        loc=np.array([[0.1, 0.1], [0.0, 0.0], [0.2, 0.45]]),  # the last component reaches beyond the last value
        log_scale=log_scale,
        slopes=np.array([[0.9, 0.9], [0.3, -0.3], [0.5, 0.4]]),
    )
    if channel == 0:
        rows.loc[0] = -0.3, 0.2
    drawn = np.asarray(draw_pixels(Given(rows), None, None, jax.random.key(0), (N, 1, 1)))[:, 0, 0].astype(float)
    before = np.median(drawn[:, :channel], axis=0)
    drawn = drawn[(drawn[:, :channel] == before).all(1)]
    assert len(drawn) > 0.4 * N
    pixels = np.zeros((256, 3))
    pixels[:, :channel], pixels[:, channel] = before, np.arange(256)
    given = log_prob_nats(rows, pixels, np, n_channels=channel) if channel else 0.0
    law = np.exp(log_prob_nats(rows, pixels, np, n_channels=channel + 1) - given)
    assert law.sum() == pytest.approx(1.0)
    expected = np.add.reduceat(len(drawn) * law, range(0, 256, 16))
    counts = np.bincount(drawn[:, channel].astype(int) // 16, minlength=16)
    # Chi-square of 15, of which 45 is passed once in 10,000 times.
    assert np.sum((counts - expected) ** 2 / np.maximum(expected, 1.0)) < 45


def test_phases_see_what_was_drawn_before(monkeypatch):
    """Of networks that say nothing but their base, a picture is flat around its coarsest pixel."""
    model = PhasesModel(Phases(2, (6,), (0,), 0, 3))
    params = init_params(model, jax.random.key(0), jnp.zeros((2, 1, 1, 3), jnp.uint8))
    for network in params["likelihood"]["sets"]["0"].values():
        network["last"]["w"] *= 0.0
        network["last"]["b"] = network["last"]["b"].at[12:18].set(-8.0)
    drawn = np.asarray(prior_pictures(model, params, jax.random.key(0), 8, (2, 2)))
    assert drawn.shape == (8, 2, 2, 3) and drawn.dtype == np.uint8
    assert (np.ptp(drawn.astype(int), axis=(1, 2)) <= 4).all() and np.ptp(drawn[:, 0, 0]) > 20


def test_an_evaluator_draws_samples_and_what_the_latents_carry_of_a_picture():
    package = open_package("cifar10-rvae")
    images = embedded_patches("test", 32).array()[:12]
    sheets = dict(picture_evaluator(package.model, images, seed=0)(100, package.float_params))
    assert set(sheets) == {"samples", "reconstructions"}
    sheet = sheets["reconstructions"]
    pairs = np.stack([sheet[66 * (i // 5) :, 34 * (i % 5) :][:64, :32] for i in range(12)]).astype(float)
    np.testing.assert_array_equal(pairs[:, :32], images)
    away = [((pairs[:, 32:] - np.roll(images, shift, axis=0)) ** 2).mean((1, 2, 3)) for shift in (0, 1)]
    assert (away[0] > 0).all() and (away[0] < 0.5 * away[1]).all()


@pytest.mark.parametrize(("n", "height", "width", "shape"), [(4, 2, 2, (8, 8, 3)), (3, 8, 4, (20, 12, 3))])
def test_a_grid_holds_every_picture(n, height, width, shape):
    images = np.arange(n * height * width * 3, dtype=np.uint8).reshape(n, height, width, 3)
    sheet = grid(images)
    assert sheet.shape == shape
    assert all(any((sheet[i : i + height, j : j + width] == image).all() for i in range(0, shape[0], height + 2)
                   for j in range(0, shape[1], width + 2)) for image in images)  # fmt: skip

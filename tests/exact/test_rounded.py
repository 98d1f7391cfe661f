"""Rounded normals as integer frequencies."""

import math

import numpy as np
from scipy.special import ndtr

from rec_jax.exact.rounded import N_LAWS, frequencies, half_widths, law_of


def test_every_law_is_its_normal_and_sums_to_all():
    for law in range(N_LAWS):
        width, scale = half_widths()[law], math.exp((law - 18) / 8)
        found, v = np.array(frequencies(law)), np.arange(-half_widths()[law], half_widths()[law] + 1)
        assert found.sum() == 1 << 24 and found.min() >= 1 and len(found) == 2 * width + 2
        np.testing.assert_array_equal(found[:-1], found[-2::-1])
        masses = ndtr((v + 0.5) / scale) - ndtr((v - 0.5) / scale)
        excess_bits = np.sum(masses * np.log2(np.maximum(masses, 1e-300) / (found[:-1] / 2.0**24)))
        assert -1e-6 < excess_bits < 1e-3


def test_the_nearest_law_is_taken():
    log_scale = np.array([-100.0, -18 / 8, -18 / 8 + 0.06, -18 / 8 + 0.0625, 0.0, 45 / 8, 100.0])
    units = np.round(log_scale * 4096)
    for dtype in (np.int64, np.float64):
        assert law_of(units.astype(dtype), np).tolist() == [0, 0, 0, 1, 18, 63, 63]

"""Nats and bits."""

import numpy as np
import pytest

from rec_jax.core import units


def test_conversions():
    assert units.nats_to_bits(np.log(8.0)) == pytest.approx(3.0)
    assert units.bits_to_nats(3.0) == pytest.approx(np.log(8.0))
    assert units.bits_to_bpd(3072.0, 32 * 32 * 3) == 1.0
    np.testing.assert_allclose(units.nats_to_bits(np.log([2.0, 4.0])), [1.0, 2.0])

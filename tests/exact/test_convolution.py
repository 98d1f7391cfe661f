"""Sums of products are the same integers in floats, in integers and on a device; their bounds bound."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.exact import convolution
from rec_jax.exact.arithmetic import LIMIT, clip, shift, take
from rec_jax.exact.convolution import MAX_SUM, bounds, convolve
from rec_jax.exact.scope import exact_jax


@pytest.mark.parametrize("n_bits", [-3, 0, 1, 2, 12, 20])
def test_shifts_round_halves_up_in_floats_and_in_integers(n_bits):
    half = 1 << max(n_bits - 1, 0)
    x = np.concatenate(
        [np.arange(-70, 71), half * np.arange(-9, 10), half * np.arange(-9, 10) - 1, [1 << 40, -(1 << 40)]]
    )
    expected = [(2 * v + (1 << n_bits)) // (2 << n_bits) if n_bits > 0 else v << -n_bits for v in x.tolist()]
    np.testing.assert_array_equal(shift(x, n_bits, np), expected)
    np.testing.assert_array_equal(shift(x.astype(np.float64), n_bits, np), expected)
    with exact_jax():
        for dtype in (jnp.int64, jnp.float64):
            np.testing.assert_array_equal(shift(jnp.asarray(x, dtype), n_bits, jnp), expected)


def test_clip_and_take():
    np.testing.assert_array_equal(clip(np.array([-LIMIT - 5, 3, LIMIT + 1]), np), [-LIMIT, 3, LIMIT])
    np.testing.assert_array_equal(take(np.array([5, 7, 9]), np.float64([2, 0]), np), [9, 5])


def direct(x, w, valid):
    """By the definition, in Python's loops over the kernel."""
    kh, kw = w.shape[:2]
    padded = x if valid else np.pad(x, ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    height, width = padded.shape[1] - kh + 1, padded.shape[2] - kw + 1
    return sum(padded[:, i : i + height, j : j + width] @ w[i, j] for i in range(kh) for j in range(kw))


@pytest.mark.parametrize("valid", [False, True])
@pytest.mark.parametrize(("kernel", "size"), [
    ((1, 1), (3, 5)), ((3, 3), (3, 3)), ((3, 3), (7, 5)), ((5, 5), (5, 9)), ((1, 3), (3, 4)), ((3, 1), (6, 2)),
    ((3, 3), (33, 35)), ((5, 5), (40, 31)),
])  # fmt: skip
def test_floats_integers_and_a_device_give_one_sum(kernel, size, valid):
    """The last two have more positions than are summed at once."""
    rng = np.random.default_rng(0)
    x = rng.integers(-LIMIT, LIMIT, (2, *size, 3), endpoint=True)
    w = rng.integers(-(1 << 15) + 1, 1 << 15, (*kernel, 3, 4))
    expected = direct(x, w, valid)
    assert size[0] * size[1] < 1000 or 2 * size[0] * size[1] > convolution._ROWS_AT_ONCE
    np.testing.assert_array_equal(convolve(x, w, valid, np), expected)
    found = convolve(x.astype(np.float64), w.astype(np.float64), valid, np)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, expected)
    with exact_jax():
        np.testing.assert_array_equal(convolve(jnp.float64(x), jnp.float64(w), valid, jnp), expected)


@pytest.mark.parametrize("rows", [1, 7, 64])
def test_how_many_rows_are_summed_at_once_changes_nothing(monkeypatch, rows):
    rng = np.random.default_rng(1)
    x, w = rng.integers(-99, 99, (2, 6, 5, 2)), rng.integers(-99, 99, (3, 3, 2, 3))
    monkeypatch.setattr(convolution, "_ROWS_AT_ONCE", rows)
    np.testing.assert_array_equal(convolve(x, w, True, np), direct(x, w, True))


def test_the_worst_input_reaches_the_bound_and_none_passes_it():
    rng = np.random.default_rng(2)
    w, b = rng.integers(-(1 << 15) + 1, 1 << 15, (3, 3, 5, 4)), rng.integers(-(1 << 30), 1 << 30, 4)
    bound = bounds(w, b)
    reached = []
    for channel in range(4):
        signs = np.where(w[..., channel] < 0, -1, 1) * (-1 if b[channel] < 0 else 1)
        x = signs[None] * LIMIT
        reached.append(abs(int((convolve(x, w, False, np) + b)[0, 1, 1, channel])))
    assert max(reached) == bound < MAX_SUM
    some = convolve(rng.integers(-LIMIT, LIMIT, (1, 9, 9, 5)), w, True, np) + b
    assert np.abs(some).max() < bound
    assert bounds(w, b, 10) < bound and bounds(np.zeros((1, 1, 0, 0)), np.zeros(0)) == 0


def test_exact_scope_admits_64_bits_and_leaves_no_trace():
    before = jax.config.jax_enable_x64
    with exact_jax():
        assert jnp.asarray(np.int64(1 << 40)).dtype == jnp.int64
    assert jax.config.jax_enable_x64 == before

"""What every window of a step's sequence would add to a path's score (search.py): S[n] for all n at once.

Few dims are added one by one, each for all windows; of many, two circular correlations by FFT give S (those too sharp
for an FFT's precision are added one by one).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from rec_jax.coders.tree.codebook import Codebook, sequence
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.arithmetic import FRACTION_BITS
from rec_jax.exact.threefry import Key

BLOCKS = "blocks"  # name of the axis of blocks that are searched together
_FEW_DIMS, _DIMS_AT_ONCE = 48, 8  # a group of so many is added dim by dim, which is then faster than FFTs
_SHARP = -1e4  # quadratic coefficients beyond which the FFT's rounding, relative to the largest term, would show
_MIN_SCALE = 1e-4  # sharper targets are searched as if they were this wide: no sequence is long enough to hit them


def coefficients(target: DiagGaussian, length: int):
    """log q(z) / p(z) = quadratic z^2 + linear z + constant per dim; padded so that slices of `length` stay inside."""
    precision = 1.0 / jnp.maximum(target.scale, _MIN_SCALE) ** 2
    pad = (0, length)
    return jnp.pad(target.loc * precision, pad), jnp.pad(0.5 * (1.0 - precision), pad)


def sequences(key: Key, codebook: Codebook, n_dims: int) -> Callable[[Any, Any], jax.Array]:
    """A function of (step, part) that gives that sequence, [F]; one that all steps share is drawn here."""

    def draw(step, part):
        return sequence(key, step, part, codebook, jnp).astype(jnp.float32) * 2.0**-FRACTION_BITS

    if not codebook.shared:
        return draw
    drawn = jax.vmap(lambda part: draw(0, part))(jnp.arange(-(-n_dims // codebook.length)))
    return lambda step, part: drawn[part]


def window_scores(normals_of, linear, quadratic, starts, step, length: int):
    """S[n] of every window n of a step's sequences, normals_of(part), up to a constant, [length]."""
    start = starts[step]
    size = starts[step + 1] - start
    widest = jax.lax.pmax(size, BLOCKS)
    few, many = (
        functools.partial(scores_of, normals_of, linear, quadratic, start, size, length, widest)
        for scores_of in (_by_dims, _by_spectra)
    )
    return jax.lax.cond(widest <= _FEW_DIMS, few, many)


def _by_dims(normals_of, linear, quadratic, start, size, length: int, widest):
    """Few dims one by one: a window more, shifted by one, for each."""
    normals = normals_of(0)
    twice = jnp.concatenate([normals, normals])

    def add_some(i, scores):
        first = i * _DIMS_AT_ONCE
        inside = first + jnp.arange(_DIMS_AT_ONCE) < size
        here = [jax.lax.dynamic_slice(x, (start + first,), (_DIMS_AT_ONCE,)) for x in (linear, quadratic)]
        linear_here, quadratic_here = (jnp.where(inside, x, 0.0) for x in here)
        sharp = quadratic_here < _SHARP  # those as squares, which do not cancel
        middle = jnp.where(sharp, 0.5 * linear_here / jnp.where(sharp, quadratic_here, 1.0), 0.0)
        slope = jnp.where(sharp, 0.0, linear_here)
        windows = jax.lax.dynamic_slice(twice, (first,), (length + _DIMS_AT_ONCE,))
        for dim in range(_DIMS_AT_ONCE):
            window = windows[dim : dim + length]
            scores = scores + quadratic_here[dim] * (window + middle[dim]) ** 2 + slope[dim] * window
        return scores

    return jax.lax.fori_loop(0, -(-widest // _DIMS_AT_ONCE), add_some, jnp.zeros(length))


def _by_spectra(normals_of, linear, quadratic, start, size, length: int, widest):
    """Many dims by two circular correlations."""

    def add_part(part, totals):
        spectrum, direct = totals
        inside = jnp.arange(length) < size - part * length
        linear_here, quadratic_here = (
            jnp.where(inside, jax.lax.dynamic_slice(x, (start + part * length,), (length,)), 0.0)
            for x in (linear, quadratic)
        )
        normals = normals_of(part)
        sharp = quadratic_here < _SHARP
        blunt = [jnp.where(sharp, 0.0, x) for x in (linear_here, quadratic_here)]
        spectra = jnp.fft.rfft(jnp.stack([*blunt, normals, normals**2]))
        spectrum = spectrum + jnp.conj(spectra[0]) * spectra[2] + jnp.conj(spectra[1]) * spectra[3]
        return spectrum, _add_sharp(direct, sharp, linear_here, quadratic_here, normals)

    # A group may be wider than the sequence is long.
    n_parts = -(-widest // length) if linear.size > 2 * length else 1
    start_totals = jnp.zeros(length // 2 + 1, jnp.complex64), jnp.zeros(length)
    spectrum, direct = jax.lax.fori_loop(0, n_parts, add_part, start_totals)
    return jnp.fft.irfft(spectrum, length) + direct


def _add_sharp(scores, sharp, linear, quadratic, normals):
    """Adds the sharp dims' part of S to scores [length], one dim at a time, as squares that do not cancel."""
    twice = jnp.concatenate([normals, normals])

    def add_first(_, state):
        left, scores = state
        place = jnp.argmax(left)
        window = jax.lax.dynamic_slice(twice, (place,), normals.shape)
        square = quadratic[place] * (window + 0.5 * linear[place] / quadratic[place]) ** 2
        return left.at[place].set(False), scores + jnp.where(left[place], square, 0.0)

    return jax.lax.fori_loop(0, jax.lax.pmax(jnp.sum(sharp), BLOCKS), add_first, (sharp, scores))[1]

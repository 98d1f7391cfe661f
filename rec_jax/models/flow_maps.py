"""The elementwise maps that a flow is made of: y_i = f_i(x_i), each increasing, with its log slope and its inverse.

A map is a named tuple of arrays, one number (or one mixture) per element or per channel, of numpy or jax. Local
bits-back (codec/local_bits_back.py) codes an element by f, f^-1 and log f' alone; training needs f and log f'.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from rec_jax.core.log_sum_exp import log_sum_exp

MIN_LOG_SCALE, MAX_LOG_SCALE = -7.0, 7.0  # of a mixture's logistics
_PIXEL_GAIN, _PIXEL_MARGIN = 0.9 / 256.0, 0.05  # pixels 0 .. 256 to the inside of 0 .. 1
_TOLERANCE, _MOST_STEPS = 1e-8, 100  # of an inverse that is searched: no error beside a local scale of 2^-14


class ElementwiseMap(Protocol):
    """One stage of a flow."""

    def forward(self, x: Any, xp: Any) -> tuple[Any, Any]:
        """(f(x), log f'(x)), both of x's shape."""

    def inverse(self, y: np.ndarray) -> np.ndarray:
        """f^-1(y), under numpy; the same function of the same arrays is the same number, whoever calls."""


class PixelLogit(NamedTuple):
    """f(x) = logit(0.9 x / 256 + 0.05), for x in 0 .. 256."""

    def forward(self, x, xp):
        inside = x * _PIXEL_GAIN + _PIXEL_MARGIN
        below, above = xp.log(inside), xp.log1p(-inside)
        return below - above, np.log(_PIXEL_GAIN) - below - above

    def inverse(self, y):
        return (_sigmoid(y, np) - _PIXEL_MARGIN) / _PIXEL_GAIN


class Sigmoid(NamedTuple):
    """f(x) = 1 / (1 + exp(-x))."""

    def forward(self, x, xp):
        return _sigmoid(x, xp), -_softplus(x, xp) - _softplus(-x, xp)

    def inverse(self, y):
        return np.log(y) - np.log1p(-y)


class Affine(NamedTuple):
    """f(x) = exp(log_gain) x + shift."""

    log_gain: Any
    shift: Any

    def forward(self, x, xp):
        return xp.exp(self.log_gain) * x + self.shift, xp.broadcast_to(self.log_gain, x.shape)

    def inverse(self, y):
        return (y - self.shift) * np.exp(-self.log_gain)


class MixtureCoupling(NamedTuple):
    """f(x) = exp(log_gain) logit F(n(x)) + shift, F the CDF of a mixture of K logistics, n an Affine.

    One elementwise map of what Flow++ lists as four (normalise, CDF, logit, affine), so that it is coded once.
    """

    normal_log_gain: Any
    normal_shift: Any
    logits: Any  # [K, ...], as the next two
    loc: Any
    log_scale: Any
    log_gain: Any
    shift: Any

    def forward(self, x, xp):
        x, log_slope = Affine(self.normal_log_gain, self.normal_shift).forward(x, xp)
        log_weights = _log_softmax(self.logits, xp)
        log_odds, (below, above, log_below, log_above) = self._log_odds(x, log_weights, xp)
        density = log_sum_exp(log_weights - self.log_scale + log_below + log_above, xp, 0)
        log_slope = log_slope + density - below - above + self.log_gain
        return xp.exp(self.log_gain) * log_odds + self.shift, log_slope

    def inverse(self, y):
        log_weights, scale = _log_softmax(self.logits, np), np.exp(self.log_scale)
        wanted = (y - self.shift) * np.exp(-self.log_gain)
        ends = self.loc + wanted * scale  # logit F lies between the least and the largest of its logistics'
        x = _root(lambda x: self._log_odds(x, log_weights, np)[0] - wanted, ends.min(0), ends.max(0))
        return Affine(self.normal_log_gain, self.normal_shift).inverse(x)

    def _log_odds(self, x, log_weights, xp):
        """(logit F, and its parts: log F, log(1 - F), each logistic's log CDF and log survival, [K, ...]) at x."""
        t = (x - self.loc) * xp.exp(-self.log_scale)
        log_below, log_above = -_softplus(-t, xp), -_softplus(t, xp)
        below, above = (log_sum_exp(log_weights + part, xp, 0) for part in (log_below, log_above))
        return below - above, (below, above, log_below, log_above)


def _root(f: Callable[[np.ndarray], np.ndarray], a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Where increasing functions [n] are 0, between a <= b: Chandrupatla's method (Adv. Eng. Software 28, 1997)."""
    fa, fb = f(a), f(b)
    t, best = np.full(a.shape, 0.5), a
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_MOST_STEPS):
            x = a + t * (b - a)
            fx = f(x)
            same = np.sign(fx) == np.sign(fa)
            c, fc = np.where(same, a, b), np.where(same, fa, fb)
            b, fb = np.where(same, b, a), np.where(same, fb, fa)
            a, fa = x, fx
            best = np.where(np.abs(fb) < np.abs(fa), b, a)
            least = 0.5 * _TOLERANCE / np.abs(b - a)
            if np.all((least > 0.5) | (fa == 0.0) | (fb == 0.0)):
                break
            xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
            inside = (phi**2 < xi) & ((1.0 - phi) ** 2 < 1.0 - xi)  # where an inverse parabola is to be trusted
            parabola = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            t = np.clip(np.where(inside, parabola, 0.5), least, 1.0 - least)
    return best


def elements(maps: Any, shape: tuple[int, ...], where: slice) -> Any:
    """The map of some elements of an array of `shape`, in one row: arrays [n], or [K, n] of mixtures; numpy."""
    rows = []
    for array in maps:
        array = np.asarray(array, np.float64)
        mixtures = array.shape[: array.ndim - len(shape)]
        array = np.broadcast_to(array, mixtures + shape).reshape(*mixtures, -1)
        rows.append(np.ascontiguousarray(array[..., where]))
    return type(maps)(*rows)


def _softplus(x, xp):
    return xp.maximum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


def _sigmoid(x, xp):
    return xp.exp(-_softplus(-x, xp))


def _log_softmax(x, xp):
    return x - log_sum_exp(x, xp, 0)

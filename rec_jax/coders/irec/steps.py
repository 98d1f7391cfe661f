"""The standard deviations of a block's steps as integers: what a decoder multiplies its candidates by.

Step k of K takes the part r_k of the variance that is left, 1 at the start; its standard deviation sqrt(r_k left_k), a
real number by definition, is rounded to units of 2^-16. Decimal arithmetic of 40 digits leaves nothing to a machine.
"""

import decimal
import functools

import numpy as np

from rec_jax.coders.irec.laws import LAWS, VARIANCE_POWER
from rec_jax.exact.tables import SCALE_BITS

_CONTEXT = decimal.Context(prec=40)


@functools.lru_cache(maxsize=256)
def step_scales(n_steps: int, law: int | None) -> np.ndarray:
    """int64 [n_steps] in units of 2^-16. law: place in LAWS, or None for the authors' power law."""
    left, scales = decimal.Decimal(1), []
    for to_go in range(n_steps, 0, -1):
        share = _power_share(to_go) if law is None else _law_share(law, n_steps, to_go)
        variance = _CONTEXT.multiply(left, share)
        left = _CONTEXT.subtract(left, variance)
        scales.append(int((_CONTEXT.sqrt(variance) * (1 << SCALE_BITS)).to_integral_value(decimal.ROUND_HALF_UP)))
    return np.array(scales, np.int64)


@functools.cache
def _power_share(to_go: int) -> decimal.Decimal:
    return _CONTEXT.power(decimal.Decimal(to_go), decimal.Decimal(VARIANCE_POWER))


def _law_share(law: int, n_steps: int, to_go: int) -> decimal.Decimal:
    """1 - (e^(r (to_go - 1)) - 1) / (e^(r to_go) - 1), r = 2 LAWS[law] / n_steps."""
    rate = _CONTEXT.divide(decimal.Decimal(2) * decimal.Decimal(str(LAWS[law])), decimal.Decimal(n_steps))
    before, after = (_CONTEXT.exp(rate * k) - 1 for k in (to_go - 1, to_go))
    return _CONTEXT.subtract(decimal.Decimal(1), _CONTEXT.divide(before, after))

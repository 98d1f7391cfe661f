"""How beam search spends the prior's variance over its steps: the authors' power law, or a law matched to the target.

After the share c of the variance, a dim N(mu, rho^2) (p = N(0, 1)) has told

    KL(c) = (c (rho^2 - 1 + mu^2) - ln(1 - c (1 - rho^2))) / 2

of its nats. Steps that send equal nats should tell equal nats, but the decoder, which knows neither mu nor rho, must
follow the same c. For dims of k nats each (rho = exp(-k), mu^2 = 1 - rho^2 on average) equal steps leave, after the
part t of them,

    1 - c = (exp(-2 k t) - exp(-2 k)) / (1 - exp(-2 k)),

and the variances of a real block are well met by one such k: that of the dims which hold most of its nats. k is one
of LAWS; the encoder picks one per call and sends its place, under a table that can be learned (laws.py).
"""

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.irec.laws import LAWS, VARIANCE_POWER
from rec_jax.core.gaussian import DiagGaussian

_LEFTS = np.concatenate([[0.0], np.geomspace(1e-8, 1.0, 40)])  # where the KL of a call is looked at
_PARTS = np.linspace(0.0, 1.0, 33)  # parts of the steps after which so many parts of the nats should be told


def power_share(n_steps, step):
    """The part of the remaining variance that step `step` of n_steps takes, steps from 0; the paper's law."""
    return (n_steps - step).astype(jnp.float32) ** VARIANCE_POWER


def law_share(law, n_steps, step):
    """`power_share` under LAWS[law]: 1 - left(k + 1) / left(k), exactly 1 for the last step."""
    rate = 2.0 * jnp.asarray(LAWS, jnp.float32)[law] / n_steps
    to_go = (n_steps - step).astype(jnp.float32)
    return 1.0 - jnp.expm1(rate * (to_go - 1.0)) / jnp.expm1(rate * to_go)


def choose_law(target: DiagGaussian) -> jax.Array:
    """The place in LAWS whose steps keep the told nats nearest to their share, int32 []; target in p's coordinates.

    Nearest: least sum of (told after t - t KL)^2. What runs ahead of the nats sent is lost, and so is what lags, while
    a single step that is too large or too small does little, because the beams look ahead by about ln B nats. All of
    a call's dims count together: its blocks are random parts of it, so one law serves them all.
    """
    variance = target.scale**2
    linear = jnp.sum(variance - 1.0 + target.loc**2)

    def told(left):
        c = 1.0 - left
        return 0.5 * (c * linear - jnp.sum(jnp.log(c * variance + left)))

    told_nats = jax.lax.map(told, jnp.asarray(_LEFTS, jnp.float32))  # falls with left
    k = np.array(LAWS)[:, None]
    lefts = (np.exp(-2.0 * k * _PARTS) - np.exp(-2.0 * k)) / -np.expm1(-2.0 * k)  # [laws, parts + 1]
    places = np.interp(np.log(np.maximum(lefts, 1e-9)), np.log(np.maximum(_LEFTS, 1e-9)), np.arange(len(_LEFTS)))
    at = jnp.interp(jnp.asarray(places, jnp.float32), jnp.arange(float(len(_LEFTS))), told_nats)
    return jnp.argmin(jnp.sum((at - _PARTS * told_nats[0]) ** 2, axis=1)).astype(jnp.int32)

"""How beam search spends the prior's variance over its steps: the authors' power law, or a law matched to the target.

After the share c of the variance, a dim N(mu, rho^2) (p = N(0, 1)) has told

    KL(c) = (c (rho^2 - 1 + mu^2) - ln(1 - c (1 - rho^2))) / 2

of its nats. Steps that send equal nats should tell equal nats, but the decoder, which knows neither mu nor rho, must
follow the same c. For dims of k nats each (rho = exp(-k), mu^2 = 1 - rho^2 on average) equal steps leave, after the
part t of them,

    1 - c = (exp(-2 k t) - exp(-2 k)) / (1 - exp(-2 k)),

and the variances of a real block are well met by one such k: that of the dims which hold most of its nats. k is one
of LAWS; the encoder picks one per call and sends its place, under a table that can be learned (LawModel).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.entropy.tables import Table, two_sided_geometric

# Share of the remaining variance that step k of K takes: (K - k + 1)^POWER, a law fitted by the authors on one model's
# posteriors (the paper rounds to -0.79). The last step takes all that is left.
VARIANCE_POWER = -0.7864636765648174
# k of the matched laws, nats per dim: from equal shares to dims of rho = 1e-4, finest where real posteriors lie.
LAWS = (0.01, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.8, 3.2, 4.0, 6.0, 9.0)
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


@dataclass(frozen=True)
class LawModel:
    """P(law) ~ (decay / 256)^|law - centre|, in integers; the default is nearly flat."""

    centre: int = 7
    decay: int = 240

    def __post_init__(self):
        if not (0 <= self.centre < len(LAWS) and 1 <= self.decay <= 255):
            raise ConfigError(
                f"coder.laws=({self.centre}, {self.decay}) (centre, decay): need a centre below {len(LAWS)} and a "
                "decay of 1 to 255"
            )

    def table(self) -> Table:
        """The table of a call's law."""
        return two_sided_geometric(self.centre, self.decay, len(LAWS))


def fit_laws(laws: Sequence[int]) -> LawModel:
    """The model of fewest bits for the laws of training calls."""
    models = [LawModel(centre, decay) for centre in range(len(LAWS)) for decay in range(16, 256, 16)]
    return min(models, key=lambda model: model.table().bits(np.array(laws)))

"""The laws by which beam search spends the prior's variance (variance_schedule.py), and what naming one costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import Table, two_sided_geometric

# Share of the remaining variance that step k of K takes: (K - k + 1)^POWER, a law fitted by the authors on one model's
# posteriors (the paper rounds to -0.79). The last step takes all that is left.
VARIANCE_POWER = -0.7864636765648174
# k of the matched laws, nats per dim: from equal shares to dims of rho = 1e-4, finest where real posteriors lie.
LAWS = (0.01, 0.3, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.8, 3.2, 4.0, 6.0, 9.0)


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

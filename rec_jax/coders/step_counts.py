"""What it costs to tell the decoder how many steps each block took.

The blocks of a call are exchangeable (the dims are permuted), so after the first count every count is coded around
the running mean of those before it. Both tables are two-sided geometric and made of integers alone, so that parsing
never depends on a float; centre and decays are learned on training images and travel with the model.
"""

from dataclasses import dataclass

import numpy as np

from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import FrequencyTable, two_sided_geometric


@dataclass(frozen=True)
class StepCountModel:
    """P(first) ~ (first_decay/256)^|n - first_centre|, P(next) ~ (next_decay/256)^|n - mean of those before|."""

    first_centre: int = 0
    first_decay: int = 240
    next_decay: int = 160

    def __post_init__(self):
        if not (self.first_centre >= 0 and 1 <= self.first_decay <= 255 and 1 <= self.next_decay <= 255):
            raise ConfigError(
                f"step counts ({self.first_centre}, {self.first_decay}, {self.next_decay}) (first_centre, first_decay, "
                "next_decay): need a centre of at least 0 and decays of 1 to 255"
            )

    def scaled(self, numerator: int, denominator: int) -> "StepCountModel":
        """The model for blocks of numerator / denominator times as many dims, of as many nats each; integers alone."""
        slower = max(1, (256 - self.first_decay) * denominator // numerator)
        centre = self.first_centre * numerator // denominator
        return StepCountModel(centre, max(1, 256 - slower), self.next_decay)

    def table(self, before: np.ndarray, max_steps: int) -> FrequencyTable:
        """The table of the next count, given the counts of the blocks before it."""
        if len(before) == 0:
            return two_sided_geometric(self.first_centre, self.first_decay, max_steps + 1)
        mean = (int(np.sum(before)) + len(before) // 2) // len(before)
        return two_sided_geometric(mean, self.next_decay, max_steps + 1)

    def tables(self, counts: np.ndarray, max_steps: int) -> list[FrequencyTable]:
        """One table per block's count."""
        return [self.table(counts[:b], max_steps) for b in range(len(counts))]


def fit_step_counts(calls: list[np.ndarray], max_steps: int) -> StepCountModel:
    """The model of fewest bits for observed counts: one int array [n_blocks] per call, from training images.

    Where every call has one block, nothing is learned of the next ones: their decay is StepCountModel's own.
    """
    centre = int(np.median([counts[0] for counts in calls]))

    def bits(model: StepCountModel, first: bool) -> float:
        picked = slice(0, 1) if first else slice(1, None)
        return sum(
            table.bits(np.array([count]))
            for counts in calls
            for table, count in zip(model.tables(counts, max_steps)[picked], counts[picked], strict=True)
        )

    decays = (*range(8, 256, 8), 251, 253, 254, 255)
    first = min(decays, key=lambda d: bits(StepCountModel(centre, first_decay=d), True))
    if max(map(len, calls)) == 1:
        return StepCountModel(centre, first)
    following = min(decays, key=lambda d: bits(StepCountModel(centre, next_decay=d), False))
    return StepCountModel(centre, first, following)

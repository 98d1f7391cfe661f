"""Table 1's quick config, one of its columns and one of its pictures."""

from configs.table1 import get_config
from experiments.table1.columns import Column
from rec_jax.data.embedded import embedded_patches

QUICK = get_config("quick")
PIXELS = embedded_patches("test", 32).array()[0]


def quick_column(**changes) -> Column:
    """Column cifar10 with five embedded photographs for the classical rows."""
    return Column("cifar10", dict(QUICK.cifar10) | dict(n_classical=5) | changes)

"""What both sides of a coder know of a model besides its parameters: integers, learned at export (calibrate.py)."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from rec_jax.codec.expected_kl import Table, check_table
from rec_jax.coders import LayerCoder, StepCountModel, make_layer_coder
from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.core.errors import ConfigError

_FIELDS = ("layer_step_counts", "layer_weights", "layer_weights_by_scale")  # of a config's coder section


class Learned(NamedTuple):
    """() where nothing was learned."""

    step_counts: tuple[StepCountModel, ...] = ()  # per layer, of tiles of 32x32
    shares: tuple[tuple[int, ...], ...] = ()  # per layer and channel, how the KL is expected to be spread
    by_scale: tuple[Table, ...] = ()  # the same of a lossy model, per layer (expected_kl.py)

    def for_coder(self, coder: LayerCoder, learned_for: LayerCoder) -> "Learned":
        """The same for another coder, without the step counts if it takes others."""
        return self if coder.takes_steps_of(learned_for) else self._replace(step_counts=())


NOTHING = Learned()


def configured_coder(section: Mapping[str, Any]) -> tuple[LayerCoder, Learned]:
    """The coder of a config's `coder` section, and what was learned for it.

    Raises ConfigError for a coder of a few nats or dims, which cannot carry a layer, and for numbers out of bounds.
    """
    coder = make_layer_coder({name: value for name, value in section.items() if name not in _FIELDS})
    rows = section.get("layer_step_counts", ())
    if not _are_rows(rows, lambda n: abs(n) < 1 << 20, length=3):
        raise ConfigError(f"coder.layer_step_counts={str(rows)[:60]}: three integers below 2^20 a layer, from export")
    shares = section.get("layer_weights", ())
    if not _are_rows(shares, lambda n: 1 <= n <= MAX_WEIGHT):
        raise ConfigError(f"coder.layer_weights={str(shares)[:60]}: integers of 1 to {MAX_WEIGHT} a layer, from export")
    tables = section.get("layer_weights_by_scale", ())
    by_scale = tables if isinstance(tables, tuple | list) else (tables,)  # which check_table refuses
    for table in by_scale:
        check_table(table)
    return coder, Learned(tuple(StepCountModel(*row) for row in rows), tuple(map(tuple, shares)), tuple(by_scale))


def _are_rows(rows: Any, allows: Callable[[int], bool], length: int | None = None) -> bool:
    """Whether it is a sequence of sequences, all of that length, of integers that are allowed."""
    return isinstance(rows, tuple | list) and all(
        isinstance(row, tuple | list)
        and length in (None, len(row))
        and all(type(number) is int and allows(number) for number in row)
        for row in rows
    )

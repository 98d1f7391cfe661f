"""Codes that are, per block, a number of steps and the index of one candidate per step; from integers and back.

The numbers of steps come first, one run of one symbol each, because the table of each looks at those before it; then,
if the coder has a choice of ways to take its steps and some block takes two or more, that choice; then all indices of
all blocks in one run under one uniform table.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from rec_jax.coders.base import Code, Found, LongCall, ReadSymbols
from rec_jax.coders.blocks import block_keys, block_shape
from rec_jax.coders.calls import CallsCoder
from rec_jax.coders.paths import Paths, first_path
from rec_jax.coders.step_counts import StepCountModel, fit_step_counts
from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import Table, UniformTable
from rec_jax.exact.threefry import Key

MAX_STEPS = 1 << 16  # of a block: a code, and a table of its numbers of steps, have as many places


class StepCode(NamedTuple):
    """Per block: how many steps, and the chosen candidate of each; padded to the static max_steps."""

    n_steps: Any  # int32 [n_blocks]; -1 marks an overflow
    indices: Any  # uint32 [n_blocks, max_steps]
    choice: Any = None  # int32 []; None where the coder has no choice


@dataclasses.dataclass(frozen=True)
class StepCoder(CallsCoder):
    """The part of the protocol that all coders of a StepCode share; a coder adds what is abstract here.

    block_size: largest number of dims with one number of steps (None: a call is one block).
    max_nats: largest KL of a block.  n_candidates: size of the index alphabet.  max_steps: padded length of a code.
    """

    code_axes, code_type = 1, StepCode
    deciding: ClassVar[tuple[str, ...]]  # the options that decide how many steps a block takes

    @property
    @abc.abstractmethod
    def block_size(self) -> int | None: ...

    @property
    @abc.abstractmethod
    def max_nats(self) -> float: ...

    @property
    @abc.abstractmethod
    def n_candidates(self) -> int: ...

    @property
    @abc.abstractmethod
    def max_steps(self) -> int: ...

    @property
    def domain(self) -> str:
        """What `encode` says of a target that it cannot hold."""
        return f"more than max_nats={self.max_nats:g} nats in one block; raise max_nats or use smaller blocks"

    @property
    @abc.abstractmethod
    def offered(self) -> Sequence[int]:
        """The numbers of steps that a block may take, rising, the last one max_steps; a code names a place in it."""

    @abc.abstractmethod
    def count_table(self, before: np.ndarray) -> Table:
        """The static table of a block's place in `offered`, given the numbers of steps of the blocks before it."""

    def choice_table(self) -> Table | None:
        """The static table of a call's `choice`, which must not matter to blocks of one step; None: there is none."""
        return None

    def symbols(self, code: Code, p):
        self.check_code(code)
        counts = np.asarray(code.n_steps, np.int64)
        self.refuse(counts < 0)
        places = np.searchsorted(np.asarray(self.offered), counts)
        tables = [self.count_table(counts[:b]) for b in range(len(counts))]
        used = np.asarray(code.indices, np.int64)[self._used(counts)]
        values = [places[b : b + 1] for b in range(len(counts))]
        if choice_table := self._choice_table(counts):
            values.append(np.array([int(code.choice)]))
            tables.append(choice_table)
        return [*values, used], [*tables, UniformTable(self.n_candidates)]

    def read_symbols(self, read: ReadSymbols, p):
        n_blocks, _ = block_shape(p.loc.size, self.block_size)
        places, counts = [], np.zeros(n_blocks, np.int64)
        for b in range(n_blocks):
            places.append(read(self.count_table(counts[:b]), 1))
            counts[b] = self.offered[int(places[b][0])]
        choice_table = self._choice_table(counts)
        choice = [read(choice_table, 1)] if choice_table else []
        return [*places, *choice, read(UniformTable(self.n_candidates), int(counts.sum()))]

    def from_symbols(self, values: list[np.ndarray], p) -> Code:
        n_blocks, _ = block_shape(p.loc.size, self.block_size)
        counts = np.asarray(self.offered)[np.concatenate(values[:n_blocks])]
        indices = np.zeros((len(counts), self.max_steps), np.uint32)
        indices[self._used(counts)] = values[-1]
        choice = (
            None if self.choice_table() is None else np.int32(values[n_blocks][0] if len(values) > n_blocks + 1 else 0)
        )
        return StepCode(counts.astype(np.int32), indices, choice)

    def shares_of(self, channel_shares: tuple[int, ...], shape: tuple[int, int, int]) -> np.ndarray | None:
        del channel_shares, shape

    def fit(self, codes: Sequence) -> StepCountModel:
        return fit_step_counts([np.maximum(code.n_steps, 0) for code in codes], self.max_steps)

    def with_counts(self, counts: StepCountModel, n_dims: int, learned_n_dims: int) -> Self:
        here, learned = (block_shape(n, self.block_size)[1] for n in (n_dims, learned_n_dims))
        return dataclasses.replace(self, step_counts=counts.scaled(here, learned))

    def for_pictures(self, block_dims: int, long_sequences: bool = True) -> Self:
        del long_sequences  # the tree coder's
        return dataclasses.replace(self, block_size=min(self.block_size or block_dims, block_dims))

    def after(self, code: Code | None, same_layer: bool) -> Self:
        del code, same_layer  # its counts know nothing beyond their call
        return self

    def encode_long(self, calls: Sequence[LongCall], run: Callable[..., Any] | None = None) -> list[Found]:
        from rec_jax.coders.checked import encode_long

        del run  # compiled for each number of dims
        return [encode_long(self, call) for call in calls]

    def smaller(self, halvings: int) -> Self:
        if self.block_size is None or not halvings:
            return self
        return dataclasses.replace(self, block_size=max(1, self.block_size >> halvings))

    def takes_steps_of(self, other: Any) -> bool:
        if type(other) is not type(self):
            return False
        return all(getattr(self, name) == getattr(other, name) for name in self.deciding)

    def paths_of(self, keys: Key, code: Any, n_dims: int, xp: Any) -> Paths:
        n_blocks, _ = block_shape(n_dims, self.block_size)
        first = first_path(block_keys(keys, n_blocks, xp), xp)
        n_steps, indices = code.n_steps.reshape(-1), code.indices.reshape(-1, code.indices.shape[-1])
        if xp is np:
            indices = indices[:, : max(1, int(n_steps.max(initial=0)))]  # what follows is padding
        return Paths(Key(*(word.reshape(-1) for word in first)), n_steps, indices)

    def side_bits(self, code: StepCode) -> Any:
        """The part of `index_bits` that everything but the indices costs."""
        return self.bits_of_calls(code, lambda runs: runs[:-1])

    def _choice_table(self, counts: np.ndarray) -> Table | None:
        """The table of the choice where one is sent."""
        return self.choice_table() if counts.max() > 1 else None

    def _used(self, counts: np.ndarray) -> np.ndarray:
        """Which of the padded indices are real: bool [n_blocks, max_steps]."""
        return np.arange(self.max_steps) < counts[:, None]


def check_length(n_steps: float) -> None:
    """ConfigError for hyper-parameters whose blocks could take more steps than MAX_STEPS."""
    if not n_steps <= MAX_STEPS:
        raise ConfigError(f"coder.max_nats is {n_steps:g} steps of a block; at most {MAX_STEPS}: make it smaller")

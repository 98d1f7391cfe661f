"""Codes that are, per block, a number of steps and the index of one candidate per step; from integers and back.

The numbers of steps come first, one run of one symbol each, because the table of each looks at those before it; then,
if the coder has a choice of ways to take its steps and some block takes two or more, that choice; then all indices of
all blocks in one run under one uniform table.
"""

import abc
from collections.abc import Sequence
from typing import NamedTuple

import jax
import numpy as np

from rec_jax.coders.base import ReadSymbols
from rec_jax.coders.blocks import block_shape
from rec_jax.core.errors import CoderOverflow
from rec_jax.entropy.tables import Table, UniformTable


class StepCode(NamedTuple):
    """Per block: how many steps, and the chosen candidate of each; padded to the static max_steps."""

    n_steps: jax.Array  # int32 [n_blocks]; -1 marks an overflow
    indices: jax.Array  # uint32 [n_blocks, max_steps]
    choice: jax.Array | None = None  # int32 []; None where the coder has no choice


class StepCoder(abc.ABC):
    """The part of the protocol that all coders of a StepCode share; a coder adds what is abstract here.

    block_size: largest number of dims with one number of steps (None: a call is one block).
    max_nats: largest KL of a block.  n_candidates: size of the index alphabet.  max_steps: padded length of a code.
    """

    block_size: int | None
    max_nats: float
    n_candidates: int
    max_steps: int

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

    def symbols(self, code: StepCode, p):
        counts = np.asarray(code.n_steps, np.int64)
        if np.any(counts < 0):
            raise CoderOverflow(f"a block of more than max_nats={self.max_nats:g} nats has no code")
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

    def from_symbols(self, values: list[np.ndarray], p) -> StepCode:
        n_blocks, _ = block_shape(p.loc.size, self.block_size)
        counts = np.asarray(self.offered)[np.concatenate(values[:n_blocks])]
        indices = np.zeros((len(counts), self.max_steps), np.uint32)
        indices[self._used(counts)] = values[-1]
        choice = (
            None if self.choice_table() is None else np.int32(values[n_blocks][0] if len(values) > n_blocks + 1 else 0)
        )
        return StepCode(counts.astype(np.int32), indices, choice)

    def index_bits(self, code: StepCode) -> float:
        values, tables = self.symbols(code, None)
        return sum(table.bits(v) for v, table in zip(values, tables, strict=True))

    def side_bits(self, code: StepCode) -> float:
        """The part of `index_bits` that everything but the indices costs."""
        values, tables = self.symbols(code, None)
        return sum(table.bits(v) for v, table in zip(values[:-1], tables[:-1], strict=True))

    def _choice_table(self, counts: np.ndarray) -> Table | None:
        """The table of the choice where one is sent."""
        return self.choice_table() if counts.max() > 1 else None

    def _used(self, counts: np.ndarray) -> np.ndarray:
        """Which of the padded indices are real: bool [n_blocks, max_steps]."""
        return np.arange(self.max_steps) < counts[:, None]

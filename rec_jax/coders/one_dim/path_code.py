"""Codes that name a node of a binary tree: the depth under a static table and a bit per level; coders of one dim."""

import abc
import functools
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import Info, ReadSymbols
from rec_jax.coders.density_ratio import Peak, max_log_ratio, one_dim, peak
from rec_jax.coders.one_dim.splitting import MAX_DEPTH, child, point, root
from rec_jax.coders.one_index import zipf_table
from rec_jax.coders.one_shot import OneShotCoder
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import kl_nats, standardise
from rec_jax.entropy.tables import Table, UniformTable
from rec_jax.exact.threefry import Key


class PathCode(NamedTuple):
    """A node of the tree."""

    depth: Any  # int32 []; -1 marks an overflow
    path: Any  # uint32 [2]: bit l is the turn after level l, 1 for the upper half


@dataclass(frozen=True)
class SplittingCoder(OneShotCoder):
    """What the coders over the tree share; a coder adds `_search`.

    split: "dyadic" or "sample".  expected_kl_nats: shared guess of the KL, for the table of the depth; a wrong one
    costs bits, never exactness.  max_nats: largest log q/p.
    """

    code_type = PathCode

    split: str = "dyadic"
    expected_kl_nats: float = 6.0
    max_nats: float = 10.0

    def __post_init__(self):
        if self.split not in ("dyadic", "sample"):
            raise ConfigError(f"coder.split={self.split!r}: dyadic or sample")
        if not 0 <= self.expected_kl_nats <= self.max_nats <= 10.0:
            raise ConfigError(
                f"coder.expected_kl_nats={self.expected_kl_nats}, max_nats={self.max_nats}: need "
                "0 <= expected_kl_nats <= max_nats <= 10"
            )

    @property
    def domain(self) -> str:
        """What `encode` says of a target that it cannot hold."""
        return (
            f"more than max_nats={self.max_nats:g} nats of log q/p somewhere, or wider than p: use smaller blocks, or "
            "a coder that needs no bound (ordered, beam_search)"
        )

    def depth_table(self) -> Table:
        """The static table of the depth."""
        return zipf_table(self.expected_kl_nats, MAX_DEPTH + 1)

    @abc.abstractmethod
    def _search(self, key: Key, peak: Peak, outside: jax.Array) -> tuple[PathCode, jax.Array, jax.Array]:
        """(node, its log q/p, overflow); a target outside the domain must not be searched."""

    @functools.partial(jax.jit, static_argnums=0)
    def _encode(self, key, q, p):
        target = standardise(one_dim(q), one_dim(p))
        outside = ~(max_log_ratio(target) <= self.max_nats)
        code, ratio, lost = self._search(key, peak(target), outside)
        overflow = outside | lost
        code = PathCode(jnp.where(overflow, -1, code.depth), code.path)
        return code, Info(jnp.sum(kl_nats(q, p)), ratio, overflow)

    @functools.partial(jax.jit, static_argnums=0)
    def decode_call(self, key, p, code):
        one_dim(p)
        path = jnp.asarray(code.path)

        def down(level, node):
            turn = (path[level // 32] >> (level % 32).astype(jnp.uint32)) & 1
            return child(node, turn, self.split)

        return p.loc + p.scale * point(jax.lax.fori_loop(0, code.depth, down, root(key)))

    def symbols(self, code, p):
        self.check_code(code)
        depth = int(code.depth)
        self.refuse(depth < 0)
        levels = np.arange(depth)
        bits = (np.asarray(code.path, np.int64)[levels // 32] >> levels % 32) & 1
        return [np.array([depth]), bits], [self.depth_table(), UniformTable(2)]

    def read_symbols(self, read: ReadSymbols, p):
        depth = read(self.depth_table(), 1)
        return [depth, read(UniformTable(2), int(depth[0]))]

    def from_symbols(self, values, p):
        words = np.zeros(64, np.int64)
        words[: len(values[1])] = values[1]
        path = (words.reshape(2, 32) << np.arange(32)).sum(1).astype(np.uint32)
        return PathCode(np.int32(values[0][0]), path)

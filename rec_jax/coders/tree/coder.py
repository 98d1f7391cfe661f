"""The tree coder: a random tree whose levels are groups of dims, searched by the M-algorithm.

In p's coordinates (p = N(0, 1), q = N(mu, rho^2) per dim) the D dims of a block, in a shared random order, are dealt
to K groups of equal expected KL (groups.py). Step k gives its group one of M candidates, all drawn from p by the
whole path of indices before it, and a path's score is log q/p of the dims that it has fixed so far. The best B paths
survive each step (the M-algorithm for random tree codes, Jelinek and Anderson 1971); in the end the best one is sent:
K and K indices, ln M nats each, with K ln M about KL. Dims that no candidate would reach are moved (outliers.py).

Where beam search (beam_search.py) splits the variance of all dims into K auxiliary variables, the tree splits the
dims, so a path's score needs no partial sums, and the scores of all candidates of a step, over all paths, are one
FFT (codebook.py, search.py): B can be in the thousands. What a beam of B paths loses falls as 1 / (ln B)^2,
and grows with the difference between a group's KL and ln M, summed over the groups: hence `weights`, how the KL is
expected to be spread over the dims, which both sides must know (a model's channels differ widely, and stay so).

Side information: the outliers, and one K per block, where a block is a whole call of up to `block_size` dims. K is
one of a few numbers (rates.py), coded around a learned centre or, with nothing learned, by a table that suits any.

Domain: any D of some hundred dims or more; up to 128 dims a call may need more than ln F nats. Cost: O(K (F log F +
B M)) per block. Approximate: z follows q as B grows. Use it wherever a call has many dims; see docs/tree_coder.md.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import Info, ReadSymbols, raise_on_overflow
from rec_jax.coders.blocks import block_keys, block_shape, cut, cut_target, join, map_sorted, permutation
from rec_jax.coders.step_codes import StepCoder
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.coders.tree.codebook import replay
from rec_jax.coders.tree.outliers import (
    Outliers,
    find_outliers,
    from_outlier_symbols,
    outlier_symbols,
    read_outlier_symbols,
    recentre,
)
from rec_jax.coders.tree.rates import level_table, offered_steps
from rec_jax.coders.tree.search import BLOCKS, MAX_CANDIDATES, search
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian, kl_nats, log_ratio
from rec_jax.entropy.tables import Table

PATHS_AT_ONCE = 16_384  # as many blocks as hold so many paths are searched together, at most BLOCKS_AT_ONCE
BLOCKS_AT_ONCE = 4  # more would waste steps on the longest of them
REACH_NATS = -0.7  # a dim of more than ln F + this is an outlier; measured, docs/tree_coder.md


class TreeCode(NamedTuple):
    """Per block: how many steps, and the chosen candidate of each, padded to the static max_steps; and the outliers."""

    n_steps: jax.Array  # int32 [n_blocks]; -1 marks an overflow
    indices: jax.Array  # uint8 [n_blocks, max_steps]
    outliers: Outliers  # of the whole call


@dataclass(frozen=True)
class TreeCoder(StepCoder):
    """See the module's docstring. The methods' weights: int32 [D], 1 to 4095, proportional to the KL that each dim
    is expected to have; None: all alike.

    n_candidates: M, so that a step sends ln M nats.  n_beams: B.  sequence_length: F, a power of two.
    rate: nats sent per nat of KL.  spacing: of the numbers of steps on offer (rates.py).
    block_size: largest number of dims with one K.  max_nats: largest KL of a block.
    step_counts: how K is coded; None: by a table that suits any.
    """

    n_candidates: int = 16
    n_beams: int = 4096
    sequence_length: int = 4096
    rate: float = 1.0
    spacing: float = 1.5
    block_size: int | None = 65_536
    max_nats: float = 16_384.0
    step_counts: StepCountModel | None = None

    def __post_init__(self):
        length = self.sequence_length
        if not (2 <= self.n_candidates <= MAX_CANDIDATES and 1 <= self.n_beams <= 1 << 19):
            raise ConfigError(
                f"coder.n_candidates={self.n_candidates}, n_beams={self.n_beams}: need 2 to {MAX_CANDIDATES} "
                "candidates and 1 to 2^19 beams"
            )
        if not (64 <= length <= 1 << 20 and length & (length - 1) == 0):
            raise ConfigError(f"coder.sequence_length={length}: must be a power of two from 64 to 2^20")
        if not (0 < self.rate < math.inf and 0 < self.spacing < math.inf and 0 < self.max_nats < math.inf):
            raise ConfigError(
                f"coder.rate={self.rate}, spacing={self.spacing}, max_nats={self.max_nats}: must be positive and finite"
            )
        if self.block_size is not None and self.block_size < 1:
            raise ConfigError(f"coder.block_size={self.block_size}: at least 1, or None for one block")

    @property
    def step_nats(self) -> float:
        """What a step sends, ln M."""
        return math.log(self.n_candidates)

    @property
    def max_steps(self) -> int:
        """Static length of a block's indices."""
        return math.ceil(self.max_nats * self.rate / self.step_nats)

    @property
    def offered(self) -> tuple[int, ...]:
        """The numbers of steps that a block may take, rising; a code names one of them."""
        return offered_steps(self.max_steps, self.step_nats, self.spacing)

    def count_table(self, before: np.ndarray) -> Table:
        return level_table(self.step_counts, before, self.offered)

    @property
    def reach_nats(self) -> float:
        """Dims of more are outliers: so rare among F values that a hit within one rho is a matter of luck."""
        return math.log(self.sequence_length) + REACH_NATS

    # ---- protocol: see base.Coder ------------------------------------------------------------------------------

    def encode(self, key, q, p, weights=None):
        code, info = self.encode_batch(key[None], *jax.tree.map(lambda x: x[None], (q, p)), weights)
        raise_on_overflow(info.overflow, self.max_nats)
        return jax.tree.map(lambda x: x[0], (code, info))

    @functools.partial(jax.jit, static_argnums=0)
    def encode_batch(self, keys, q, p, weights=None):
        """`encode` of N calls at once, keys [N], q and p [N, D]: what vmap gives, but far faster on a CPU."""
        outliers = jax.vmap(lambda q, p: find_outliers(q, p, self.reach_nats))(q, p)
        moved = jax.vmap(recentre)(p, outliers)
        target = jax.vmap(lambda k, q, p: cut_target(k, q, p, self.block_size))(keys, q, moved)  # [N, n_blocks, d]
        shape = target.loc.shape[:2]
        block_kl = jnp.sum(kl_nats(target, DiagGaussian(0.0, 1.0)), axis=-1)
        overflow = ~(block_kl <= self.max_nats)  # true for NaN as well
        n_steps = jnp.where(overflow, 0, self.choose_steps(block_kl))
        dealt = jax.vmap(lambda k: self._block_weights(k, p.loc.shape[-1], weights))(keys)
        keys_of_blocks = jax.vmap(lambda k: block_keys(k, shape[1]))(keys)
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (n_steps, (keys_of_blocks, target, dealt)))
        indices = map_sorted(self._search, *flat, chunk=self._blocks_at_once, axis_name=BLOCKS)
        code = TreeCode(jnp.where(overflow, -1, n_steps), indices.reshape(*shape, -1), outliers)
        z = jax.vmap(lambda k, p, c: self.decode(k, p, c, weights))(keys, p, code)
        ratio = jnp.sum(log_ratio(z, q, p), axis=-1)
        return code, Info(jnp.sum(kl_nats(q, p), axis=-1), ratio, overflow.any(1))

    @functools.partial(jax.jit, static_argnums=0)
    def decode(self, key, p, code, weights=None):
        n_blocks, _ = block_shape(p.loc.size, self.block_size)
        blocks = jax.vmap(lambda k, n, i, w: replay(k, n, i, w, self.n_candidates, self.sequence_length))(
            block_keys(key, n_blocks), code.n_steps, code.indices, self._block_weights(key, p.loc.size, weights)
        )
        moved = recentre(p, code.outliers)
        return moved.loc + moved.scale * join(blocks, permutation(key, p.loc.size))

    def symbols(self, code: TreeCode, p):
        values, tables = super().symbols(code, p)
        apart, apart_tables = outlier_symbols(code.outliers)
        return [*apart, *values], [*apart_tables, *tables]

    def read_symbols(self, read: ReadSymbols, p):
        return [*read_outlier_symbols(read, p.loc.size), *super().read_symbols(read, p)]

    def from_symbols(self, values: list[np.ndarray], p) -> TreeCode:
        outliers, values = from_outlier_symbols(values, p.loc.size)
        steps = super().from_symbols(values, p)
        return TreeCode(steps.n_steps, steps.indices.astype(np.uint8), outliers)

    # ---- the algorithm -------------------------------------------------------------------------------------------

    def choose_steps(self, block_kl_nats: jax.Array) -> jax.Array:
        """The number of steps on offer that comes closest to rate * KL nats, by square roots; int32."""
        offered = np.array(self.offered)
        roots = np.sqrt(offered)
        borders = jnp.asarray(0.25 * (roots[1:] + roots[:-1]) ** 2 * self.step_nats / self.rate, jnp.float32)
        return jnp.asarray(offered, jnp.int32)[jnp.searchsorted(borders, block_kl_nats)]

    def _block_weights(self, key, n_dims: int, weights):
        """The weights of each block's dims, [n_blocks, d]; dims that only fill up the last block weigh least."""
        weights = jnp.ones(n_dims, jnp.int32) if weights is None else weights
        return cut(weights, permutation(key, n_dims), block_shape(n_dims, self.block_size), 1)

    @property
    def _blocks_at_once(self) -> int:
        return min(BLOCKS_AT_ONCE, max(1, PATHS_AT_ONCE // self.n_beams))

    def _search(self, n_steps, block):
        return search(n_steps, *block, self.max_steps, self.n_candidates, self.n_beams, self.sequence_length)

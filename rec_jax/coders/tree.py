"""The tree coder: a random tree whose levels are groups of dims, searched by the M-algorithm.

In p's coordinates (p = N(0, 1), q = N(mu, rho^2) per dim) the D dims of a block, in a shared random order, are dealt
to K groups of equal size. Step k gives its group one of M candidates, all drawn from p by the whole path of indices
before it, and a path's score is log q/p of the dims that it has fixed so far. The best B paths survive each step
(the M-algorithm for random tree codes, Jelinek and Anderson 1971); in the end the best one is sent: K and K indices,
ln M nats each, with K ln M about KL.

Where beam search (beam_search.py) splits the variance of all dims into K auxiliary variables, the tree splits the
dims, so a path's score needs no partial sums, and the scores of all candidates of a step, over all paths, are one
FFT (tree_codebook.py, tree_search.py): B can be in the thousands. What a beam of B paths loses falls as 1 / (ln B)^2.

Side information: one K per block, and a block is a whole call of up to `block_size` dims. K is one of a few numbers
(tree_rates.py), coded around a learned centre or, with nothing learned, by a table that suits any.

Domain: any D of some hundred dims or more, up to about 7 nats in any one of them, ln F and ln(B M): a dim that needs
more is sent as well as the best of F draws allows, and beam_search is the coder for it. Cost: O(K (F log F + B M)) per
block. Approximate: z follows q as B grows. Use it wherever a call has many dims; measurements: docs/tree_coder.md.
"""

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.coders.base import Info, ReadSymbols, raise_on_overflow
from rec_jax.coders.blocks import block_keys, block_shape, cut_target, join, permutation
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.coders.tree_codebook import replay
from rec_jax.coders.tree_rates import level_table, offered_steps
from rec_jax.coders.tree_search import search
from rec_jax.core.errors import CoderOverflow, ConfigError
from rec_jax.core.gaussian import DiagGaussian, kl_nats, log_ratio
from rec_jax.entropy.tables import UniformTable

BLOCKS_AT_ONCE = 4  # blocks searched together; larger wastes steps on the longest of them


class TreeCode(NamedTuple):
    """Per block: how many steps, and the chosen candidate of each; padded to the static max_steps."""

    n_steps: jax.Array  # int32 [n_blocks]; -1 marks an overflow
    indices: jax.Array  # uint32 [n_blocks, max_steps]


@dataclass(frozen=True)
class TreeCoder:
    """See the module's docstring.

    n_candidates: M, so that a step sends ln M nats.  n_beams: B.  sequence_length: F, a power of two.
    rate: nats sent per nat of KL.  spacing: of the numbers of steps on offer (tree_rates.py).
    block_size: largest number of dims with one K.  max_nats: largest KL of a block.
    step_counts: how K is coded; None: by a table that suits any.
    """

    n_candidates: int = 16
    n_beams: int = 4096
    sequence_length: int = 4096
    rate: float = 1.0
    spacing: float = 1.5
    block_size: int | None = 65_536
    max_nats: float = 2048.0
    step_counts: StepCountModel | None = None

    def __post_init__(self):
        length = self.sequence_length
        if not (
            2 <= self.n_candidates <= 1 << 16 and self.n_beams >= 1 and self.n_beams * self.n_candidates <= 1 << 24
        ):
            raise ConfigError(
                f"coder.n_candidates={self.n_candidates}, n_beams={self.n_beams}: need 2 to 65536 candidates, at "
                "least one beam, and a product of at most 2^24"
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

    # ---- protocol: see base.Coder ------------------------------------------------------------------------------

    def encode(self, key, q, p):
        code, info = self.encode_batch(key[None], *jax.tree.map(lambda x: x[None], (q, p)))
        raise_on_overflow(info.overflow, self.max_nats)
        return jax.tree.map(lambda x: x[0], (code, info))

    @functools.partial(jax.jit, static_argnums=0)
    def encode_batch(self, keys, q, p):
        """`encode` of N calls at once, keys [N], q and p [N, D]: what vmap gives, but far faster on a CPU."""
        target = jax.vmap(lambda k, q, p: cut_target(k, q, p, self.block_size))(keys, q, p)  # [N, n_blocks, d]
        shape = target.loc.shape[:2]
        block_kl = jnp.sum(kl_nats(target, DiagGaussian(0.0, 1.0)), axis=-1)
        overflow = ~(block_kl <= self.max_nats)  # true for NaN as well
        n_steps = jnp.where(overflow, 0, self.choose_steps(block_kl))
        flat_keys = jax.vmap(lambda k: block_keys(k, shape[1]))(keys).reshape(-1)
        flat_target = jax.tree.map(lambda x: x.reshape(-1, x.shape[-1]), target)
        indices = self._search_sorted(flat_keys, flat_target, n_steps.reshape(-1))
        z = jax.vmap(lambda k, n, i: self._replay(k, n, i, target.loc.shape[-1]))(
            flat_keys, n_steps.reshape(-1), indices
        )
        ratio = jnp.sum(log_ratio(z, flat_target, DiagGaussian(0.0, 1.0)), axis=-1).reshape(shape)
        code = TreeCode(jnp.where(overflow, -1, n_steps), indices.reshape(*shape, -1))
        return code, Info(block_kl.sum(1), ratio.sum(1), overflow.any(1))

    @functools.partial(jax.jit, static_argnums=0)
    def decode(self, key, p, code):
        n_blocks, width = block_shape(p.loc.size, self.block_size)
        order = permutation(key, p.loc.size)
        keys = block_keys(key, n_blocks)
        blocks = jax.vmap(lambda k, n, i: self._replay(k, n, i, width))(keys, code.n_steps, code.indices)
        return p.loc + p.scale * join(blocks, order)

    def symbols(self, code, p):
        counts = np.asarray(code.n_steps, np.int64)
        if np.any(counts < 0):
            raise CoderOverflow(f"a block of more than max_nats={self.max_nats:g} nats has no code")
        levels = np.searchsorted(self.offered, counts)
        tables = [level_table(self.step_counts, counts[:b], self.offered) for b in range(len(counts))]
        indices = np.asarray(code.indices, np.int64)
        used = np.concatenate([row[:n] for row, n in zip(indices, counts, strict=True)])
        values = [levels[b : b + 1] for b in range(len(levels))]
        return [*values, used], [*tables, UniformTable(self.n_candidates)]

    def read_symbols(self, read: ReadSymbols, p):
        n_blocks, _ = block_shape(p.loc.size, self.block_size)
        levels: list[np.ndarray] = []
        counts = np.zeros(n_blocks, np.int64)
        for b in range(n_blocks):
            levels.append(read(level_table(self.step_counts, counts[:b], self.offered), 1))
            counts[b] = self.offered[int(levels[b][0])]
        return [*levels, read(UniformTable(self.n_candidates), int(counts.sum()))]

    def from_symbols(self, values: list[np.ndarray], p) -> TreeCode:
        counts, used = np.array(self.offered)[np.concatenate(values[:-1])], values[-1]
        indices = np.zeros((len(counts), self.max_steps), np.uint32)
        indices[np.arange(self.max_steps) < counts[:, None]] = used
        return TreeCode(counts.astype(np.int32), indices)

    def index_bits(self, code) -> float:
        values, tables = self.symbols(code, None)
        return sum(table.bits(v) for v, table in zip(values, tables, strict=True))

    def side_bits(self, code) -> float:
        """The part of `index_bits` that the numbers of steps cost."""
        values, tables = self.symbols(code, None)
        return sum(table.bits(v) for v, table in zip(values[:-1], tables[:-1], strict=True))

    # ---- the algorithm -------------------------------------------------------------------------------------------

    def choose_steps(self, block_kl_nats: jax.Array) -> jax.Array:
        """The number of steps on offer that comes closest to rate * KL nats, by square roots; int32."""
        offered = np.array(self.offered)
        roots = np.sqrt(offered)
        borders = jnp.asarray(0.25 * (roots[1:] + roots[:-1]) ** 2 * self.step_nats / self.rate, jnp.float32)
        return jnp.asarray(offered, jnp.int32)[jnp.searchsorted(borders, block_kl_nats)]

    def _search_sorted(self, keys, target: DiagGaussian, n_steps):
        """`search` over all blocks, in chunks of blocks of about the same number of steps."""
        n_blocks = n_steps.shape[0]
        chunk = min(BLOCKS_AT_ONCE, n_blocks)
        n_chunks = -(-n_blocks // chunk)
        order = jnp.argsort(-n_steps)
        take = jnp.concatenate([order, jnp.broadcast_to(order[-1], (n_chunks * chunk - n_blocks,))])
        chunked = jax.tree.map(lambda x: x[take].reshape(n_chunks, chunk, *x.shape[1:]), (keys, target, n_steps))
        found = jax.lax.map(
            lambda x: search(*x, self.max_steps, self.n_candidates, self.n_beams, self.sequence_length), chunked
        )
        return found.reshape(n_chunks * chunk, -1)[:n_blocks][jnp.argsort(order)]

    def _replay(self, key, n_steps, indices, width: int):
        return replay(key, n_steps, indices, width, self.n_candidates, self.sequence_length)

"""The tree coder: a random tree whose levels are groups of dims, searched by the M-algorithm.

In p's coordinates (p = N(0, 1), q = N(mu, rho^2) per dim) the D dims of a block, in a shared random order, are dealt
to K groups of equal expected KL (groups.py). Step k gives its group one of M candidates, all drawn from p by the
whole path of indices before it, and a path's score is log q/p of the dims that it has fixed so far. The best B paths
survive each step (the M-algorithm for random tree codes, Jelinek and Anderson 1971); in the end the best one is sent:
K and K indices, ln M nats each, with K ln M about KL. Dims that no candidate would reach, or that are far wider than p,
are moved (outliers.py); a call with too many of them overflows.

Where beam search (beam_search.py) splits the variance of all dims into K auxiliary variables, the tree splits the
dims, so a path's score needs no partial sums, and the scores of all candidates of a step, over all paths, are one
FFT (codebook.py, search.py): B can be in the thousands. What a beam of B paths loses falls as 1 / (ln B)^2,
and grows with the difference between a group's KL and ln M, summed over the groups: hence `weights`, how the KL is
expected to be spread over the dims, which both sides must know (a model's channels differ widely, and stay so).

Side information: the outliers, and one K per block, where a block is a whole call of up to `block_size` dims. K is
one of a few numbers (rates.py), coded around a learned centre; with nothing learned, by a table that suits any; and of
a picture's calls, by those before it (picture_counts.py).

Domain: any D of some hundred dims or more; up to 128 dims a call may need more than ln F - 0.7 nats. Approximate: z
follows q as B grows. Cost: O(K (F log F + B M)) per block. Use it wherever a call has many dims; see tree_coder.md.
"""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from rec_jax.coders.base import Code, ReadSymbols
from rec_jax.coders.blocks import block_keys, block_shape, cut, join
from rec_jax.coders.paths import follow
from rec_jax.coders.step_codes import StepCoder, check_length
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.coders.tree.codebook import Codebook, replay
from rec_jax.coders.tree.groups import MAX_DIMS
from rec_jax.coders.tree.outliers import (
    MAX_OUTLIERS,
    Outliers,
    from_outlier_symbols,
    outlier_symbols,
    place_exactly,
    read_outlier_symbols,
)
from rec_jax.coders.tree.picture_counts import PictureCounts
from rec_jax.coders.tree.rates import level_table, offered_steps
from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import Table
from rec_jax.exact.threefry import Key

MAX_CANDIDATES = 32  # the candidates of a path that survive a step are the bits of one word
MAX_BEAMS = 1 << 19
MIN_SPACING = 1 / 64
MAX_PICTURE_LENGTH = 1 << 16  # of sequences; a longer one costs time and gains nothing
MOST_BEAMS_BY_EFFORT = 32_768
PICTURE_BEAMS = 8192  # a picture takes twice the beams up to here: half as long again, and it loses less
REACH_NATS = -0.7  # a dim of more than ln F + this is an outlier; measured, docs/tree_coder.md
PICTURE_REACH_NATS = 2.0  # the same of pictures, which lose no more so and have less side information: rows 24 to 27


class TreeCode(NamedTuple):
    """Per block: how many steps, and the chosen candidate of each, padded to the static max_steps; and the outliers."""

    n_steps: Any  # int32 [n_blocks]; -1 marks an overflow
    indices: Any  # uint8 [n_blocks, max_steps]
    outliers: Outliers  # of the whole call


@dataclass(frozen=True)
class TreeCoder(StepCoder):
    """See the module's docstring. The methods' shares: int32 [D], 1 to 4095, proportional to the KL that each dim is
    expected to have; None: all alike.

    n_candidates: M, so that a step sends ln M nats.  n_beams: B.  sequence_length: F, a power of two; a picture has the
    larger one of M B, rounded down to one and at most MAX_PICTURE_LENGTH, so that there B is part of the code.
    rate: nats sent per nat of KL.  spacing: of the numbers of steps on offer (rates.py).
    block_size: largest number of dims with one K.  max_nats: largest KL of a block.
    outliers_in_order: how they are named (outliers.py).  one_sequence: whether all steps of a block share one
    (codebook.py).  step_counts: how K is coded; None: by a table that suits any.
    """

    code_type = TreeCode

    n_candidates: int = 16
    n_beams: int = 8192
    sequence_length: int = 4096
    rate: float = 1.0
    spacing: float = 1.5
    block_size: int | None = 65_536
    max_nats: float = 16_384.0
    outliers_in_order: bool = False
    one_sequence: bool = False
    step_counts: StepCountModel | PictureCounts | None = None

    deciding = ("n_candidates", "rate", "spacing", "block_size", "max_nats")

    def __post_init__(self):
        length = self.sequence_length
        if not (2 <= self.n_candidates <= MAX_CANDIDATES and 1 <= self.n_beams <= MAX_BEAMS):
            raise ConfigError(
                f"coder.n_candidates={self.n_candidates}, n_beams={self.n_beams}: need 2 to {MAX_CANDIDATES} "
                "candidates and 1 to 2^19 beams"
            )
        if not (64 <= length <= 1 << 20 and length & (length - 1) == 0):
            raise ConfigError(f"coder.sequence_length={length}: must be a power of two from 64 to 2^20")
        if not (0 < self.rate < math.inf and MIN_SPACING <= self.spacing < 1 << 10 and 0 < self.max_nats < math.inf):
            raise ConfigError(
                f"coder.rate={self.rate}, spacing={self.spacing}, max_nats={self.max_nats}: must be positive and "
                f"finite, and spacing {MIN_SPACING} to 2^10"
            )
        check_length(self.max_nats * self.rate / self.step_nats)
        if self.block_size is not None and not 1 <= self.block_size <= MAX_DIMS:
            raise ConfigError(f"coder.block_size={self.block_size}: 1 to {MAX_DIMS}, or None for one block")

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
        return offered_steps(self.max_steps, round(self.spacing**2 / self.step_nats * 2**16))

    @property
    def domain(self) -> str:
        return (
            f"{super().domain}, or with more than {MAX_OUTLIERS} dims a call of over 3 times p's scale, or an eighth "
            f"of all beyond {MAX_OUTLIERS} of over {self.reach_nats:.1f} nats, which it cannot reach"
        )

    @property
    def codebook(self) -> Codebook:
        """What both sides know of it."""
        return Codebook(self.n_candidates, self.sequence_length, self.one_sequence)

    def count_table(self, before: np.ndarray) -> Table:
        return level_table(self.step_counts, before, self.offered)

    @property
    def reach_nats(self) -> float:
        """Dims of more are outliers: so rare among F values that a hit within one rho is a matter of luck."""
        return math.log(self.sequence_length) + (PICTURE_REACH_NATS if self.outliers_in_order else REACH_NATS)

    def encode_calls(self, keys, q, p, shares=None):
        from rec_jax.coders.tree.encoder import encode_calls

        return encode_calls(self, keys, q, p, shares)

    def encode_long(self, calls, run=None):
        from rec_jax.coders.tree.long_calls import encode_long

        return encode_long(self, calls, run)

    def decode_call(self, key, p, code, shares=None):
        from rec_jax.coders.tree.encoder import decode_call

        return decode_call(self, key, p, code, shares)

    def for_pictures(self, block_dims: int, long_sequences: bool = True):
        n_beams = max(self.n_beams, min(2 * self.n_beams, PICTURE_BEAMS))
        coder = dataclasses.replace(super().for_pictures(block_dims), outliers_in_order=True, n_beams=n_beams)
        if not long_sequences:
            return coder
        candidates = min(self.n_candidates * self.n_beams, MAX_PICTURE_LENGTH)
        length = max(self.sequence_length, 1 << (candidates.bit_length() - 1))
        return dataclasses.replace(coder, one_sequence=True, sequence_length=length)

    def with_effort(self, times: int):
        return dataclasses.replace(self, n_beams=max(self.n_beams, min(times * self.n_beams, MOST_BEAMS_BY_EFFORT)))

    def after(self, code: TreeCode | None, same_layer: bool):
        before = () if code is None else tuple(code.n_steps.reshape(-1).tolist())
        return dataclasses.replace(self, step_counts=PictureCounts(before, same_layer))

    def place(self, code: TreeCode, loc, scale, units, xp):
        return place_exactly(loc, scale, units, code.outliers, xp)

    def shares_of(self, channel_shares: tuple[int, ...], shape: tuple[int, int, int]) -> np.ndarray | None:
        if not channel_shares:
            return None
        return np.broadcast_to(np.array(channel_shares, np.int32), shape).reshape(-1)

    def symbols(self, code: Code, p):
        values, tables = super().symbols(code, p)
        apart, apart_tables = outlier_symbols(code.outliers, self.outliers_in_order)
        return [*apart, *values], [*apart_tables, *tables]

    def read_symbols(self, read: ReadSymbols, p):
        return [*read_outlier_symbols(read, p.loc.size, self.outliers_in_order), *super().read_symbols(read, p)]

    def from_symbols(self, values: list[np.ndarray], p) -> TreeCode:
        outliers, values = from_outlier_symbols(values, p.loc.size, self.outliers_in_order)
        steps = super().from_symbols(values, p)
        return TreeCode(steps.n_steps, steps.indices.astype(np.uint8), outliers)

    def units(self, keys: Key, code: TreeCode, n_dims: int, shares, xp, paths: Key | None = None):
        """See base.LayerCoder; of an outlier, in the coordinates of the coding distribution that it was given."""
        shape = block_shape(n_dims, self.block_size)
        n_calls = code.n_steps.shape[0]
        dealt = xp.broadcast_to(self.block_shares(n_dims, shares, xp), (n_calls, *shape)).reshape(-1, shape[1])
        flat_keys = Key(*(word.reshape(-1) for word in block_keys(keys, shape[0], xp)))
        begun = self.paths_of(keys, code, n_dims, xp)
        paths = follow(*begun, xp) if paths is None else paths
        blocks = replay(flat_keys, paths, begun.n_steps, begun.indices, dealt, self.codebook, xp)
        return join(blocks.reshape(n_calls, *shape), n_dims)

    def block_shares(self, n_dims: int, shares, xp):
        """The shares of each block's dims, [n_blocks, d]; dims that only fill up the last block weigh least.

        ConfigError for a block of more dims than the sums of their shares have room for.
        """
        shape = block_shape(n_dims, self.block_size)
        if shape[1] > MAX_DIMS:
            raise ConfigError(f"a block of {shape[1]} dims is too wide: set coder.block_size to at most {MAX_DIMS}")
        shares = xp.ones(n_dims, xp.int32) if shares is None else xp.asarray(shares, xp.int32)
        return cut(shares, shape, 1, xp)

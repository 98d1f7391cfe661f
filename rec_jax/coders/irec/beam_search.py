"""iREC: index coding with auxiliary variables and a beam search (Flamich, Havasi, Hernandez-Lobato, NeurIPS 2020).

In p's coordinates (p = N(0, 1), q = N(mu, rho^2) per dim) a block of KL nats is sent in K = ceil(KL / omega) steps:

    u = a_1 + ... + a_K,    a_k ~ N(0, s_k^2) a priori,    sum_k s_k^2 = 1

Step k chooses one of M = floor(exp(omega (1 + epsilon))) candidates for a_k. With c the variance spent so far and b
the partial sum, p(b) = N(0, c) and q(b) = N(c mu, c^2 rho^2 + c (1 - c)); a beam's score is log q(b) - log p(b)
summed over dims. Each of the B beams draws its own candidates, the best B of the B M survive, and in the end the
best one is sent: K and K indices. B = 1 is the greedy coder.

Candidates: all beams share the magnitudes of step k and flip their signs by a hash of their own index history, which
makes candidates as different as fresh draws for a hundredth of the time: the scores of B beams against M candidates
are one matrix product.

Domain: any D; cost O(K B M d) per block of d dims. Approximate: z follows q as the candidates and B grow. Best where
a block holds 50 nats or more over many dims. A lone dim of hundreds of nats arrives short, since all beams share its
magnitudes: a mean 50 sigmas away comes 6 sigmas too near at rate 1.1. Dims sharper than rho = 0.01 need the matched
schedule. Measurements and what each option buys: docs/beam_search.md.
Differs from the paper: blocks that hold less than half a step (KL < omega / 2) send none; K is coded by a learned
model (step_counts.py), where the paper's program writes 16 bits. Only as options: a law of variances matched to the
target (variance_schedule.py), and equal numbers of steps for the blocks of a call (even_steps.py).
"""

import math
from dataclasses import dataclass

import numpy as np

from rec_jax.coders.blocks import block_keys, block_shape, join
from rec_jax.coders.irec.codebook import replay
from rec_jax.coders.irec.laws import LawModel
from rec_jax.coders.paths import follow
from rec_jax.coders.step_codes import StepCode, StepCoder, check_length
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.core.errors import ConfigError
from rec_jax.entropy.tables import TOTAL, Table
from rec_jax.exact.prior import place
from rec_jax.exact.threefry import Key

_FREE_COUNTS, _EVEN_COUNTS = StepCountModel(), StepCountModel(next_decay=64)  # where nothing was learned


@dataclass(frozen=True)
class BeamSearchCoder(StepCoder):
    """See the module's docstring.

    omega: nats per step.  epsilon: extra candidates, exp(omega * epsilon) times as many.  n_beams: B.
    block_size: largest number of dims coded together (None: a call is one block).
    max_nats: largest KL of a block; with omega it fixes the padded length of the code.
    step_counts: how the numbers of steps are coded; None: by a table that suits most.
    schedule: "power", the paper's law of variances, or "matched", a law that the encoder picks (variance_schedule.py).
    rate: None: K = ceil(KL / omega), as in the paper; else nats sent per nat of KL, with the same K for all blocks of
    a call as far as that loses little (even_steps.py), so that K costs next to nothing once it is learned.
    laws: how the law of "matched" is coded.
    """

    omega: float = 3.0
    epsilon: float = 0.2
    n_beams: int = 20
    block_size: int | None = 1000
    max_nats: float = 2048.0
    step_counts: StepCountModel | None = None
    schedule: str = "power"
    rate: float | None = None
    laws: LawModel = LawModel()

    deciding = ("omega", "epsilon", "block_size", "max_nats", "schedule", "rate")

    def __post_init__(self):
        fits = math.log(2.0) <= self.omega * (1.0 + self.epsilon) <= math.log(TOTAL)
        if not (self.omega > 0 and fits and 1 <= self.n_beams <= 1 << 19 and self.omega <= self.max_nats < math.inf):
            raise ConfigError(
                f"coder.omega={self.omega}, epsilon={self.epsilon}, n_beams={self.n_beams}, max_nats={self.max_nats}: "
                "need omega > 0, exp(omega (1 + epsilon)) from 2 to 2^24, 1 to 2^19 beams and max_nats >= omega"
            )
        if self.block_size is not None and self.block_size < 1:
            raise ConfigError(f"coder.block_size={self.block_size}: at least 1, or None for one block")
        if self.schedule not in ("power", "matched"):
            raise ConfigError(f"coder.schedule={self.schedule!r}: power or matched")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise ConfigError(
                f"coder.rate={self.rate}: must be positive and finite, or None for ceil(KL / omega) steps"
            )
        nats = self.omega if self.rate is None else math.log(self.n_candidates) / self.rate
        check_length(self.max_nats / nats)

    @property
    def n_candidates(self) -> int:
        """M, the size of the index alphabet."""
        return math.floor(math.exp(self.omega * (1.0 + self.epsilon)))

    @property
    def max_steps(self) -> int:
        """Static length of a block's indices."""
        if self.rate is None:
            return math.ceil(self.max_nats / self.omega)
        return math.ceil(self.max_nats * self.rate / math.log(self.n_candidates))

    @property
    def offered(self) -> range:
        """A block may take any number of steps."""
        return range(self.max_steps + 1)

    def count_table(self, before: np.ndarray) -> Table:
        untaught = _FREE_COUNTS if self.rate is None else _EVEN_COUNTS
        return (self.step_counts or untaught).table(before, self.max_steps)

    def choice_table(self) -> Table | None:
        return self.laws.table() if self.schedule == "matched" else None

    def encode_calls(self, keys, q, p, shares=None):
        from rec_jax.coders.irec.search import encode_calls

        del shares
        return encode_calls(self, keys, q, p)

    def decode_call(self, key, p, code, shares=None):
        from rec_jax.coders.irec.search import decode_call

        del shares
        return decode_call(self, key, p, code)

    def units(self, keys: Key, code: StepCode, n_dims: int, shares, xp, paths: Key | None = None):
        del shares, xp  # always on the host: the scales of steps are not made of floats
        n_calls = len(code.n_steps)
        shape = block_shape(n_dims, self.block_size)
        flat_keys = Key(*(word.reshape(-1) for word in block_keys(keys, shape[0], np)))
        laws = [None] * n_calls if self.schedule == "power" else np.asarray(code.choice).tolist()
        begun = self.paths_of(keys, code, n_dims, np)
        paths = follow(*begun, np) if paths is None else paths
        blocks = replay(flat_keys, paths, begun.n_steps, begun.indices, np.repeat(laws, shape[0]), shape[1])
        return join(blocks.reshape(n_calls, *shape), n_dims)

    def place(self, code: StepCode, loc, scale, units, xp):
        del code
        return place(loc, scale, units, xp)

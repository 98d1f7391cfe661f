"""The one interface of all relative entropy coders.

Sender and receiver share a key and the coding distribution p. The sender turns a target q into a `Code`, a pytree of
integers, from which the receiver draws z ~ q (exactly or approximately). `symbols` turns a code into integers under
static integer tables; what these cost is what a file pays, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np

from rec_jax.coders.paths import Paths
from rec_jax.coders.step_counts import StepCountModel
from rec_jax.entropy.tables import Table
from rec_jax.exact.threefry import Key

if TYPE_CHECKING:
    from rec_jax.core.gaussian import DiagGaussian

Code = Any  # a pytree of integer arrays of static shape
ReadSymbols = Callable[[Table, int], np.ndarray]  # (table, n) -> the next n symbols, int64 [n]


class Info(NamedTuple):
    """Diagnostics of one encoding; the decoder never sees them."""

    kl_nats: Any  # KL(q || p) of the whole call
    log_ratio_nats: Any  # log q(z) / p(z) of what was sent
    overflow: Any  # bool: the code's static size cannot hold this target


class Dims(Protocol):
    """What symbols look at of p, a DiagGaussian's shape: p.loc.size."""

    @property
    def loc(self) -> Any:
        """Anything of p's shape."""
        ...


class LongCall(NamedTuple):
    """One call: a key's words [1], q and p [D] of numpy, and int32 shares [D] or None."""

    key: Key
    q: DiagGaussian
    p: DiagGaussian
    shares: Any


class Found(NamedTuple):
    """Its code, KL(q || p), and whether it overflows."""

    code: Code
    kl_nats: float
    overflow: bool


class Coder(Protocol):
    """A frozen dataclass of static hyper-parameters with pure methods.

    encode and decode work under jit and vmap; called directly, they are compiled once per shape.
    """

    def encode(self, key: Any, q: DiagGaussian, p: DiagGaussian) -> tuple[Code, Info]:
        """A code for z ~ q; q and p hold arrays [D]. Called outside jit, raises CoderOverflow on overflow."""

    def encode_batch(self, keys: Any, q: DiagGaussian, p: DiagGaussian) -> tuple[Code, Info]:
        """`encode` of N calls at once, keys [N], q and p [N, D]; never raises. What vmap gives, perhaps faster."""

    def decode(self, key: Any, p: DiagGaussian, code: Code) -> Any:
        """z [D], the same that the encoder chose, up to float rounding."""

    def symbols(self, code: Code, p: Dims) -> tuple[list[np.ndarray], list[Table]]:
        """The code as runs of integers, each under one static table; only the shape of p is looked at."""

    def read_symbols(self, read: ReadSymbols, p: Dims) -> list[np.ndarray]:
        """Pulls from a stream the values that `symbols` gave, asking for one run after the other."""

    def from_symbols(self, values: list[np.ndarray], p: Dims) -> Code:
        """The code whose `symbols` gave these values."""

    def index_bits(self, code: Code) -> Any:
        """Exact bits of everything the decoder needs besides key and p: a float; of a batch's code float64 [N]."""


class LayerCoder(Coder, Protocol):
    """A coder that can carry a model's whole layers, many of them, in files: what the codec asks for beyond Coder.

    What is learned of a model for it are integers that travel with the model: per layer, how its KL is spread over the
    channels (`shares`) and how the numbers of steps are coded (`StepCountModel`).
    """

    def shares_of(self, channel_shares: tuple[int, ...], shape: tuple[int, int, int]) -> np.ndarray | None:
        """What encode_batch and units take as `shares` for latents [h, w, c]; None if this coder does without."""

    def paths_of(self, keys: Key, code: Code, n_dims: int, xp: Any) -> Paths:
        """The paths of all blocks of N calls, which `units` follows; keys: uint32 [N] words."""

    def units(self, keys: Key, code: Code, n_dims: int, shares: Any, xp: Any, paths: Key | None = None) -> Any:
        """The samples of N calls in the prior's coordinates, int [N, D] in units of 2^-12; keys: uint32 [N] words.

        paths: what following `paths_of` gave, where many calls' were followed at once.
        """

    def place(self, code: Code, loc: Any, scale: Any, units: Any, xp: Any) -> Any:
        """z, int64 [N, D] in units of 2^-12, under priors of loc in the same units and scale in units of 2^-16."""

    def fit(self, codes: list[Code]) -> StepCountModel:
        """How the numbers of steps of a layer are best coded, from codes of training images (one per call)."""

    def with_counts(self, counts: StepCountModel, n_dims: int, learned_n_dims: int) -> Self:
        """The same coder for calls of n_dims, with counts that were learned on calls of learned_n_dims."""

    def for_pictures(self, block_dims: int, long_sequences: bool = True) -> Self:
        """The same coder as whole pictures' latents want it: with blocks of at most so many dims, and its own ways.

        long_sequences: False: as files had it before the tree coder's sequences were longer in pictures.
        """

    def after(self, code: Code | None, same_layer: bool) -> Self:
        """The same coder for the symbols of a picture's next call, which may go by those of the call before.

        code: of that; None for the first one.  same_layer: whether it is a part of the same layer.
        """

    def encode_long(self, calls: Sequence[LongCall], run: Callable[..., Any] | None = None) -> list[Found]:
        """`encode_batch` of calls of any numbers of dims, each with shares of its own or None; on the host.

        run: calls a Program, where one keeps what is compiled (core/kept_programs.py).
        """

    def smaller(self, halvings: int) -> Self:
        """The same coder with blocks 2^halvings times smaller, for targets that overflow."""

    def takes_steps_of(self, other: Coder) -> bool:
        """Whether it takes as many steps for a block as `other`, so that what was learned for one serves both."""


@runtime_checkable
class PatientCoder(Protocol):
    """A coder that may search longer for the same kind of code; a decoder need not know."""

    def with_effort(self, times: int) -> Self:
        """The coder that spends about so many times the work."""

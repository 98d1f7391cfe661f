"""The one interface of all relative entropy coders.

Sender and receiver share a key and the coding distribution p. The sender turns a target q into a `Code`, a pytree of
integers, from which the receiver draws z ~ q (exactly or approximately). `symbols` turns a code into integers under
static integer tables; what these cost is what a file pays, to the bit.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from rec_jax.core.errors import CoderOverflow
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.entropy.tables import Table

Code = Any  # a pytree of integer arrays of static shape
ReadSymbols = Callable[[Table, int], np.ndarray]  # (table, n) -> the next n symbols, int64 [n]


class Info(NamedTuple):
    """Diagnostics of one encoding; the decoder never sees them."""

    kl_nats: jax.Array  # KL(q || p) of the whole call
    log_ratio_nats: jax.Array  # log q(z) / p(z) of what was sent
    overflow: jax.Array  # bool: the code's static size cannot hold this target


class Coder(Protocol):
    """A frozen dataclass of static hyper-parameters with pure methods.

    encode and decode work under jit and vmap; called directly, they are compiled once per shape.
    """

    def encode(self, key: jax.Array, q: DiagGaussian, p: DiagGaussian) -> tuple[Code, Info]:
        """A code for z ~ q; q and p hold arrays [D]. Called outside jit, raises CoderOverflow on overflow."""

    def encode_batch(self, keys: jax.Array, q: DiagGaussian, p: DiagGaussian) -> tuple[Code, Info]:
        """`encode` of N calls at once, keys [N], q and p [N, D]; never raises. What vmap gives, perhaps faster."""

    def decode(self, key: jax.Array, p: DiagGaussian, code: Code) -> jax.Array:
        """z [D], the same that the encoder chose, up to float rounding."""

    def symbols(self, code: Code, p: DiagGaussian) -> tuple[list[np.ndarray], list[Table]]:
        """The code as runs of integers, each under one static table; only the shape of p is looked at."""

    def read_symbols(self, read: ReadSymbols, p: DiagGaussian) -> list[np.ndarray]:
        """Pulls from a stream the values that `symbols` gave, asking for one run after the other."""

    def from_symbols(self, values: list[np.ndarray], p: DiagGaussian) -> Code:
        """The code whose `symbols` gave these values."""

    def index_bits(self, code: Code) -> float:
        """Exact bits of everything the decoder needs besides key and p."""


def raise_on_overflow(overflow: jax.Array, max_nats: float) -> None:
    """Outside jit, turns an overflow into CoderOverflow; under jit the caller looks at `Info.overflow`."""
    if not isinstance(overflow, jax.core.Tracer) and bool(np.any(overflow)):
        raise CoderOverflow(
            f"a target of more than max_nats={max_nats:g} nats in one block; raise max_nats or use smaller blocks"
        )

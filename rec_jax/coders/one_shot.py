"""What the coders of one short code a call share: refusal outside jit, batches by vmap, bits by the tables."""

import abc
import functools

import jax
import numpy as np

from rec_jax.coders.base import Code, Info
from rec_jax.core.errors import CoderOverflow
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.entropy.tables import Table


class OneShotCoder(abc.ABC):
    """A part of the protocol (base.Coder); a coder adds what is abstract here, `decode` and the way back."""

    domain: str  # what a refused target has too much of, and what to do

    @abc.abstractmethod
    def _encode(self, key: jax.Array, q: DiagGaussian, p: DiagGaussian) -> tuple[Code, Info]:
        """`encode` that never raises."""

    @abc.abstractmethod
    def symbols(self, code: Code, p: DiagGaussian) -> tuple[list[np.ndarray], list[Table]]:
        """See base.Coder; p is not looked at."""

    def encode(self, key, q, p):
        code, info = self._encode(key, q, p)
        self.refuse(info.overflow)
        return code, info

    @functools.partial(jax.jit, static_argnums=0)
    def encode_batch(self, keys, q, p):
        return jax.vmap(self._encode)(keys, q, p)

    def index_bits(self, code) -> float:
        values, tables = self.symbols(code, None)
        return sum(table.bits(v) for v, table in zip(values, tables, strict=True))

    def refuse(self, overflow) -> None:
        """Outside jit, turns an overflow into CoderOverflow; under jit the caller looks at `Info.overflow`."""
        if not isinstance(overflow, jax.core.Tracer) and bool(np.any(overflow)):
            raise CoderOverflow(f"a target of {self.domain}")

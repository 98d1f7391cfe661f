"""What the coders of one short code a call share: one call's search, and batches by vmap."""

import abc
import functools

import jax

from rec_jax.coders.base import Code, Info
from rec_jax.coders.batching import merged
from rec_jax.coders.calls import CallsCoder
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.threefry import Key


class OneShotCoder(CallsCoder):
    """A part of the protocol (base.Coder); a coder adds what is abstract here and in CallsCoder."""

    code_axes = 0

    @abc.abstractmethod
    def _encode(self, key: Key, q: DiagGaussian, p: DiagGaussian) -> tuple[Code, Info]:
        """One call's `encode_calls`."""

    @functools.partial(jax.jit, static_argnums=0)
    def encode_calls(self, keys, q, p):
        return merged(jax.vmap(self._encode))(keys, q, p)

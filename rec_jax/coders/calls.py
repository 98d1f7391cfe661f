"""What all coders share: calls that are checked, whatever the settings of jax, alone or many; bits by the tables."""

import abc
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np

from rec_jax.coders.base import Code, Info
from rec_jax.core.errors import CoderOverflow, ConfigError
from rec_jax.entropy.tables import Table
from rec_jax.exact.threefry import Key

Runs = list[tuple[np.ndarray, Table]]  # of symbols, each under one table


class CallsCoder(abc.ABC):
    """A part of the protocol (base.Coder); a coder adds what is abstract here and the way from symbols.

    shared, shares: what both sides know beyond key and p; the tree coder's shares and nothing else.
    """

    code_axes: ClassVar[int]  # of the first part of one call's code
    code_type: ClassVar[type] = tuple

    @property
    @abc.abstractmethod
    def domain(self) -> str:
        """What a refused target has too much of, and what to do."""

    @abc.abstractmethod
    def encode_calls(self, keys: Key, q: Any, p: Any, shares: Any = None) -> tuple[Code, Info]:
        """`encode_batch` behind the checks, compiled once per shape; impossible values overflow."""

    @abc.abstractmethod
    def decode_call(self, key: Key, p: Any, code: Code, shares: Any = None) -> Any:
        """`decode` behind the checks, compiled once per shape."""

    @abc.abstractmethod
    def symbols(self, code: Code, p: Any) -> tuple[list[np.ndarray], list[Table]]:
        """See base.Coder; p is not looked at."""

    def target_type(self) -> type:
        """What q must be."""
        from rec_jax.core.gaussian import DiagGaussian

        return DiagGaussian

    def overflowed(self, code: Code) -> np.ndarray:
        """Whether a code is that of a target which overflowed, by its first part."""
        return np.asarray(code[0]) < 0

    def encode(self, key, q, p, *shared):
        """One call, q and p [D]; ConfigError for values that no distribution has, CoderOverflow for too many nats."""
        from rec_jax.coders.checked import encode

        return encode(self, key, q, p, *shared)

    def encode_batch(self, keys, q, p, *shared):
        """`encode` of N calls at once, keys [N], q and p [N, D]: what vmap gives; impossible values overflow."""
        from rec_jax.coders.checked import encode_batch

        return encode_batch(self, keys, q, p, *shared)

    def decode(self, key, p, code, *shared):
        """z [D] of one call, in floats."""
        from rec_jax.coders.checked import decode

        return decode(self, key, p, code, *shared)

    def index_bits(self, code: Code) -> Any:
        """Exact bits of everything the decoder needs besides key and p: a float, of several calls an array of them."""
        return self.bits_of_calls(code, lambda runs: runs)

    def bits_of_calls(self, code: Code, part: Callable[[Runs], Runs]) -> Any:
        """Bits of a part of each call's runs of symbols: a float, or float64 of the shape of the axes of calls."""

        def bits(call: Code) -> float:
            return float(
                sum(table.bits(values) for values, table in part(list(zip(*self.symbols(call, None), strict=True))))
            )

        self.check_type(code)
        axes = np.shape(code[0])[: max(0, np.ndim(code[0]) - self.code_axes)]
        return np.array([bits(call) for call in calls_of(code, self.code_axes)]).reshape(axes) if axes else bits(code)

    def refuse(self, overflow: Any) -> None:
        """CoderOverflow if any is true."""
        if np.any(overflow):
            raise CoderOverflow(f"a target of {self.domain}")

    def check_code(self, code: Code) -> None:
        """ConfigError unless it is a code of this coder, of one call."""
        self.check_type(code)
        if (axes := np.ndim(code[0]) - self.code_axes) != 0:
            raise ConfigError(f"a code with {axes} leading axes of calls: take one call's, or vmap over them")

    def check_type(self, code: Any) -> None:
        """ConfigError for what no coder like this one has made."""
        if not isinstance(code, self.code_type):
            raise ConfigError(
                f"the code is a {type(code).__name__}; {type(self).__name__} takes a {self.code_type.__name__}, "
                "as encode and from_symbols give it"
            )


def calls_of(code: Code, n_axes: int) -> Iterator[Code]:
    """The codes of the single calls in a code that may have leading axes of calls."""
    if np.ndim(code[0]) <= n_axes:
        yield code
        return
    code = _each(code, np.asarray)
    for i in range(len(code[0])):
        yield from calls_of(_each(code, lambda part, i=i: part[i]), n_axes)


def _each(code: Any, change: Any) -> Any:
    """A code with its arrays changed: named tuples, arrays and None, without jax."""
    if code is None:
        return None
    return type(code)(*(_each(part, change) for part in code)) if isinstance(code, tuple) else change(code)

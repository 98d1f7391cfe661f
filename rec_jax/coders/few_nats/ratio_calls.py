"""Targets of any shape, known by a log-ratio and a sampler of the prior alone: for the coders that look at candidates.

The prior p and the target q may be anything, correlated or not Gaussian, over any pytree: both sides draw candidates
z_i = sample_prior(key_i, p), and the sender weighs them by log_ratio(z_i, q, p) = log q(z_i) - log p(z_i) in nats.
Which draw it was is all that is sent, so the receiver needs neither q nor log_ratio.

The two functions are what jit takes as static: define them once, not as a lambda per call; p and q are the parameters,
pytrees of arrays. Both sides must draw the same floats: the same version of jax on the same kind of device, as for any
float program (the Gaussian calls that the codec makes are exact everywhere).
"""

import abc
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from rec_jax.coders.base import Code, Info
from rec_jax.coders.draws import child
from rec_jax.coders.keys import as_words
from rec_jax.coders.one_index import OneIndexCoder
from rec_jax.core.errors import ConfigError
from rec_jax.exact.scope import search_jax
from rec_jax.exact.threefry import Key

LogRatio = Callable[[Any, Any, Any], jax.Array]  # (z, q, p) -> nats []
SamplePrior = Callable[[jax.Array, Any], Any]  # (a jax.random key, p) -> z
RatioOf = Callable[[jax.Array], jax.Array]  # number of a candidate -> its log-ratio, nats []


class RatioCoder(OneIndexCoder):
    """What a coder of one index offers besides the calls of base.Coder; it adds what is abstract here."""

    @abc.abstractmethod
    def search(self, key: Key, ratio_of: RatioOf, kl_nats: jax.Array, bound: jax.Array) -> tuple[Code, Info]:
        """The code for candidates of these log-ratios, at most `bound`, of a target of this KL."""

    @abc.abstractmethod
    def index_of(self, code: Code) -> jax.Array:
        """Which candidate a code names."""

    def encode_ratio(
        self,
        key: Any,
        log_ratio: LogRatio,
        sample_prior: SamplePrior,
        q: Any = None,
        p: Any = None,
        *,
        kl_nats: Any,
        max_log_ratio: Any = np.inf,
    ) -> tuple[Code, Info]:
        """A code for z ~ q, which `decode_ratio` draws again; jit and vmap as `encode`.

        kl_nats: KL(q || p) [], or an estimate: index and ordered look at exp(KL (1 + epsilon) + ...) candidates for it;
          what it is off by is bias (too low) or time and, with index, bits (too high).
        max_log_ratio: a bound of log_ratio [], where there is one; poisson, which is exact, needs it.

        Raises ConfigError if log_ratio is no real number [], is nan or +inf for a candidate, -inf for all of them or
        above max_log_ratio, CoderOverflow for too many nats; under jit and vmap both overflow (Info).
        """
        with search_jax():
            words, kl, bound = _checked_key(key), _number("kl_nats", kl_nats), _number("max_log_ratio", max_log_ratio)
            _check_functions(words, log_ratio, sample_prior, q, p)
            code, info = _encode(self, log_ratio, sample_prior, words, q, p, kl, bound)
        if not isinstance(info.overflow, Tracer):
            _check_found(float(info.log_ratio_nats), float(bound))
            self.refuse(info.overflow)
        return code, info

    def decode_ratio(self, key: Any, sample_prior: SamplePrior, code: Code, p: Any = None) -> Any:
        """z, which the encoder chose: the draw of sample_prior that the code names."""
        with search_jax():
            words = _checked_key(key)
            self.check_code(code)
            if not any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves(code)):
                self.refuse(self.overflowed(code))
            return _draw(sample_prior, words, p, self.index_of(code))


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _encode(coder: RatioCoder, log_ratio: LogRatio, sample_prior: SamplePrior, key: Key, q, p, kl, bound):
    def ratio_of(index: jax.Array) -> jax.Array:
        ratio = jnp.asarray(log_ratio(_draw(sample_prior, key, p, index), q, p), jnp.float32)
        return jnp.where(jnp.isnan(ratio), jnp.inf, ratio)  # wins, and is seen

    code, info = coder.search(key, ratio_of, kl, bound)
    wrong = ~jnp.isfinite(info.log_ratio_nats) | (info.log_ratio_nats > _slack(bound, jnp))
    overflow = info.overflow | wrong
    code = code._replace(exponent=jnp.where(overflow, -1, code.exponent))
    return code, info._replace(overflow=overflow)


@functools.partial(jax.jit, static_argnums=0)
def _draw(sample_prior: SamplePrior, key: Key, p: Any, index: jax.Array) -> Any:
    words = jnp.stack(child(key, index))
    return sample_prior(jax.random.wrap_key_data(words, impl="threefry2x32"), p)


def _slack(bound: Any, xp: Any) -> Any:
    """A bound, and what float32 may add to a log-ratio that reaches it."""
    return bound + 1e-3 + 1e-4 * xp.abs(bound)


def _checked_key(key: Any) -> Key:
    words = as_words(key)
    if words.first.ndim:
        raise ConfigError(f"key is an array {list(words.first.shape)} of keys; give one, or vmap over them")
    return words


def _number(name: str, given: Any) -> jax.Array:
    array = jnp.asarray(given, jnp.float32)
    if array.ndim or (not isinstance(array, Tracer) and not float(array) >= 0):
        value = f"has shape {list(array.shape)}" if array.ndim else f"is {float(array):g}"
        raise ConfigError(f"{name} {value}; give a number of nats, at least 0")
    return array


def _check_functions(key: Key, log_ratio: LogRatio, sample_prior: SamplePrior, q: Any, p: Any) -> None:
    found = jax.eval_shape(lambda key, q, p: log_ratio(_draw(sample_prior, key, p, jnp.int32(0)), q, p), key, q, p)
    if isinstance(found, jax.ShapeDtypeStruct):
        if found.shape == () and jnp.issubdtype(found.dtype, jnp.floating):
            return
        given = f"{found.dtype} {list(found.shape)}"
    else:
        given = type(found).__name__
    raise ConfigError(f"log_ratio gives {given} for a draw of sample_prior; it must give one real number [] of nats")


def _check_found(ratio: float, bound: float) -> None:
    if ratio == np.inf:
        raise ConfigError("log_ratio is nan or inf for a draw of sample_prior; it must be finite, or -inf where q is 0")
    if ratio == -np.inf:
        raise ConfigError("log_ratio is -inf for every draw of sample_prior; q must lie where p does")
    if ratio > _slack(bound, np):
        raise ConfigError(f"log_ratio is {ratio:g} for a draw of sample_prior, above max_log_ratio={bound:g}")

"""The public boundary of the coders under jax: what a call may be given, and under which settings it runs.

Shapes and types are always checked. Values are checked where they are known: outside jit and vmap. Where they are not,
and in batches, a call of impossible values overflows and spoils no other. What follows the checks is one compiled
program, and for float32 it is all that jax.vmap(coder.encode) traces and runs.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from rec_jax.coders.base import Code, Found, Info, LongCall
from rec_jax.coders.calls import CallsCoder
from rec_jax.coders.keys import as_words, keys_shape
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.exact.scope import search_jax


def encode(coder: CallsCoder, key: Any, q: Any, p: Any, *shared: Any) -> tuple[Code, Info]:
    """CallsCoder.encode."""
    with search_jax():
        q, p = _checked(key, _distribution("q", q, coder.target_type()), p, "[D]")
        _check_values("q", q)
        _check_values("p", p)
        code, info = _encode_one(coder, key, q, p, *shared)
    if not _is_traced(info.overflow):
        coder.refuse(info.overflow)
    return code, info


def encode_batch(coder: CallsCoder, keys: Any, q: Any, p: Any, *shared: Any) -> tuple[Code, Info]:
    """CallsCoder.encode_batch."""
    with search_jax():
        q, p = _checked(keys, _distribution("q", q, coder.target_type()), p, "[N, D]")
        return _encode_many(coder, keys, q, p, *shared)


def encode_long(coder: CallsCoder, call: LongCall) -> Found:
    """One call of LayerCoder.encode_long, compiled for its number of dims."""
    q, p = (DiagGaussian(g.loc[None], g.scale[None]) for g in (call.q, call.p))
    with search_jax():
        code, info = jax.device_get(_encode_many(coder, call.key, q, p, call.shares))
    return Found(jax.tree.map(lambda x: x[0], code), float(info.kl_nats[0]), bool(info.overflow[0]))


@functools.partial(jax.jit, static_argnums=0)
def _encode_one(coder: CallsCoder, key: Any, q: Any, p: DiagGaussian, *shared: Any) -> tuple[Code, Info]:
    batch = jax.tree.map(lambda x: x[None], (as_words(key), *_spoilt(q, p)))
    return jax.tree.map(lambda x: x[0], coder.encode_calls(*batch, *shared))


@functools.partial(jax.jit, static_argnums=0)
def _encode_many(coder: CallsCoder, keys: Any, q: Any, p: DiagGaussian, *shared: Any) -> tuple[Code, Info]:
    return coder.encode_calls(as_words(keys), *_spoilt(q, p), *shared)


def decode(coder: CallsCoder, key: Any, p: Any, code: Code, *shared: Any) -> jax.Array:
    """CallsCoder.decode."""
    with search_jax():
        _, p = _checked(key, None, p, "[D]")
        _check_values("p", p)
        coder.check_code(code)
        if not any(_is_traced(leaf) for leaf in jax.tree.leaves(code)):
            coder.refuse(coder.overflowed(code))
        return coder.decode_call(as_words(key), p, code, *shared)


def _is_traced(x: Any) -> bool:
    return isinstance(x, Tracer)


def _distribution(name: str, given: Any, kind: Any) -> Any:
    """`given` as a `kind`, a named tuple's type, of float32 arrays; ConfigError if it is none."""
    if not (
        isinstance(given, tuple)
        and len(given) == len(kind._fields)
        and getattr(given, "_fields", None) in (None, kind._fields)
    ):
        raise ConfigError(f"{name} is a {type(given).__name__}; give {kind.__name__}({', '.join(kind._fields)})")
    return kind(*(_float32(f"{name}.{field}", x) for field, x in zip(kind._fields, given, strict=True)))


def _float32(name: str, given: Any) -> Any:
    try:
        array = given if isinstance(given, jax.Array) else np.asarray(given)
    except ValueError:  # a ragged list
        array = np.asarray(None)
    if not (jnp.issubdtype(array.dtype, jnp.floating) or jnp.issubdtype(array.dtype, jnp.integer)):
        raise ConfigError(f"{name} is of type {array.dtype}; give an array of real numbers")
    if array.dtype == np.float32 and not getattr(array, "weak_type", False):
        return array
    with np.errstate(over="ignore"):  # infinite in float32, and refused as such
        return array.astype(np.float32)


def _checked(key: Any, q: Any, p: Any, wanted: str) -> tuple[Any, DiagGaussian]:
    """(q, p) of shapes that fit, also the key's; wanted: [D] or [N, D]. q may be None."""
    p = _distribution("p", p, DiagGaussian)
    named = {f"{name}.{field}": x for name, d in (("q", q), ("p", p)) if d for field, x in d._asdict().items()}
    shapes = {name: tuple(x.shape) for name, x in named.items()}
    shape = shapes["p.loc"]
    if len(set(shapes.values())) > 1 or len(shape) != wanted.count(",") + 1 or 0 in shape:
        given = ", ".join(f"{name} {list(x)}" for name, x in shapes.items())
        raise ConfigError(f"shapes {given}: all must be {wanted} alike, none empty; encode_batch and vmap take many")
    if (n_keys := keys_shape(key)) != shape[:-1]:
        given, needed = list(n_keys), list(shape[:-1])
        raise ConfigError(f"key is an array {given} of keys; these distributions {list(shape)} need {needed}")
    return q, p


def _check_values(name: str, x: Any) -> None:
    """ConfigError for a value, where it is known, that no distribution has."""
    if any(_is_traced(part) for part in x):
        return
    for i, (field, part) in enumerate(x._asdict().items()):
        values = np.asarray(part)
        wrong = ~np.isfinite(values) if i == 0 else ~((values > 0) & np.isfinite(values))
        if wrong.any():
            place = int(np.argmax(wrong))
            need = "finite" if i == 0 else "positive and finite"
            raise ConfigError(f"{name}.{field}[{place}] is {values[place]:g} in float32; must be {need}")


def _spoilt(q: Any, p: DiagGaussian) -> tuple[Any, DiagGaussian]:
    """q and p, with q's loc not a number in calls that hold an impossible value anywhere, so that they overflow."""
    real = [jnp.isfinite(part).all(-1, keepdims=True) for part in (*q, *p)]
    positive = [(part > 0).all(-1, keepdims=True) for part in (q[1], p.scale)]
    valid = jnp.stack([*real, *positive]).all(0)
    return q._replace(loc=jnp.where(valid, q.loc, jnp.nan)), p

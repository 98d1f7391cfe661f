"""The few operations that exact networks are made of; x is an integer-valued float64 array, or an int64 one.

All are exact while |x| < 2^52, so they give the same integers in both types, under numpy and jax.numpy, on every
processor. Halves are rounded up: floor(x + 1/2), which integers can do by a shift.
"""

from typing import Any

FRACTION_BITS = 12  # of activations, latents and standard normals: one unit is 2^-12
LIMIT = (1 << 20) - 1  # activations and latents are clipped to +-LIMIT units, which is +-256


def shift(x: Any, n_bits: int, xp: Any) -> Any:
    """floor(x / 2^n_bits + 1/2); n_bits may be 0 or negative."""
    if n_bits == 0:
        return x
    if x.dtype.kind == "f":
        return xp.floor(x * 2.0**-n_bits + 0.5) if n_bits > 0 else x * 2.0**-n_bits
    return (x + (1 << (n_bits - 1))) >> n_bits if n_bits > 0 else x << -n_bits


def clip(x: Any, xp: Any, limit: int = LIMIT) -> Any:
    """X within +-limit."""
    return xp.clip(x, -limit, limit)


def as_floats(x: Any, fraction_bits: int) -> Any:
    """Integers in units of 2^-fraction_bits as float32, for what an encoder does in floats."""
    return (x * 2.0**-fraction_bits).astype("float32")


def take(table: Any, index: Any, xp: Any) -> Any:
    """table[index] for integer-valued indices of any type that are known to be inside."""
    return xp.take(table, index.astype(xp.int32), mode="clip")

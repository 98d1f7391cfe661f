"""A trained network's weights as the integers that a decoder computes with; done once, at export.

A convolution's output channel c has |w| < 2^15 units of 2^-bits[c], the finest power of two that fits; its bias is in
units of 2^-(12 + bits[c]), those of the sums of products.
"""

from typing import Any

import numpy as np

from rec_jax.core.errors import ConfigError, CorruptFile
from rec_jax.exact.arithmetic import FRACTION_BITS, LIMIT
from rec_jax.exact.convolution import MAX_SUM, bounds

WEIGHT_LIMIT = (1 << 15) - 1
MIN_BITS, MAX_BITS = 5, 26  # of a channel: weights up to 1024, and nothing finer than float32's own rounding
_BIAS_LIMIT = (1 << 31) - 1


def quantise_conv(w: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """{"w": int16 [.., kh, kw, C, O], "bits": int8 [.., O], "b": int32 [.., O]} of a convolution's float weights.

    Raises ConfigError for weights that no such integers hold: not finite, or beyond 1024.
    """
    w, b = np.asarray(w, np.float64), np.asarray(b, np.float64)
    largest = np.abs(w).max(axis=(-4, -3, -2))
    if not (np.isfinite(w).all() and np.isfinite(b).all() and largest.max() <= 2.0 ** (15 - MIN_BITS)):
        raise ConfigError(
            f"a convolution has weights up to {largest.max():g}; an exact one holds {2 ** (15 - MIN_BITS)}: train with "
            "smaller rates"
        )
    with np.errstate(divide="ignore"):
        bits = np.floor(np.log2(WEIGHT_LIMIT / np.maximum(largest, 1e-30)))
        room = np.floor(np.log2(_BIAS_LIMIT / np.maximum(np.abs(b), 1e-30))) - FRACTION_BITS
    bits = np.clip(np.minimum(bits, room), MIN_BITS, MAX_BITS).astype(np.int8)
    units = np.round(w * 2.0 ** bits[..., None, None, None, :])
    bias = np.clip(np.round(b * 2.0 ** (FRACTION_BITS + bits)), -_BIAS_LIMIT, _BIAS_LIMIT)
    return {"w": units.astype(np.int16), "bits": bits, "b": bias.astype(np.int32)}


def float_conv(stored: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """{"w", "b"} in float32 of what quantise_conv made: the numbers that the integers stand for; b to 24 bits."""
    bits = stored["bits"].astype(np.float64)
    w = stored["w"] * 2.0 ** -bits[..., None, None, None, :]
    return {"w": w.astype(np.float32), "b": (stored["b"] * 2.0 ** -(FRACTION_BITS + bits)).astype(np.float32)}


def check_conv(stored: dict[str, np.ndarray], name: str) -> None:
    """CorruptFile if a convolution read from a file could leave the integers that are exact."""
    w, bits, b = (np.asarray(stored[key]) for key in ("w", "bits", "b"))
    if bits.size and not (bits.min() >= MIN_BITS and bits.max() <= MAX_BITS):
        raise CorruptFile(f"{name}: its steps are 2^-{bits.max()} to 2^-{bits.min()}; have {MIN_BITS} to {MAX_BITS}")
    for index in np.ndindex(w.shape[:-4]):
        if bounds(w[index], b[index], LIMIT) >= MAX_SUM:
            raise CorruptFile(f"{name}: its sums may pass 2^50, which is not exact; export the model again")


def quantise_vector(values: np.ndarray, fraction_bits: int) -> np.ndarray:
    """Integers in units of 2^-fraction_bits, int32; ConfigError for what is not finite or beyond +-256."""
    values = np.asarray(values, np.float64)
    if not (np.isfinite(values).all() and np.abs(values).max(initial=0.0) < 256.0):
        raise ConfigError("a constant of the network is not finite or beyond 256; train it again")
    return np.asarray(np.round(values * 2.0**fraction_bits), np.int32)


def prepared(tree: Any, xp: Any, dtype: str) -> Any:
    """A tree of stored integers as arrays to compute with: dtype, and a convolution's step as a power of two."""
    if isinstance(tree, dict):
        made = {name: prepared(node, xp, dtype) for name, node in tree.items()}
        if "bits" in tree:
            bits = np.asarray(tree["bits"], np.int64)
            made |= {"bits": xp.asarray(bits), "step": xp.asarray(2.0**-bits)}
        return made
    if isinstance(tree, list | tuple):
        return [prepared(node, xp, dtype) for node in tree]
    return xp.asarray(np.asarray(tree).astype(dtype))

"""A layer's prior as integers: what its samples are scaled and moved by."""

from typing import Any

from rec_jax.exact.arithmetic import FRACTION_BITS, LIMIT, shift
from rec_jax.exact.tables import LOG_SCALE_LIMIT, LOG_STEP_BITS, SCALE_BITS, tables


def prior_integers(loc: Any, log_scale: Any, xp: Any) -> tuple[Any, Any]:
    """(loc in units of 2^-12, scale in units of 2^-16), int64, from a net's (loc, log scale) in units of 2^-12."""
    steps = shift(log_scale, FRACTION_BITS - LOG_STEP_BITS, xp) + (LOG_SCALE_LIMIT << LOG_STEP_BITS)
    steps = xp.clip(steps, 0, 2 * LOG_SCALE_LIMIT << LOG_STEP_BITS).astype(xp.int32)
    return loc.astype(xp.int64), xp.take(xp.asarray(tables().scale), steps, mode="clip")


def place(loc: Any, scale: Any, units: Any, xp: Any) -> Any:
    """loc + scale u, int64 in units of 2^-12, of `prior_integers` and of u in the prior's coordinates, in 2^-12 too."""
    return loc + shift(scale * units.astype(xp.int64), SCALE_BITS, xp)


def as_latents(z: Any, like: Any, xp: Any) -> Any:
    """Samples z, int64 [B, D], as the latents [B, h, w, c] that a net walks on with: clipped, and of `like`'s type."""
    return xp.clip(z, -LIMIT, LIMIT).reshape(like.shape).astype(like.dtype)

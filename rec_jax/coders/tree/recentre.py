"""Which dims of a target are outliers, and the coding distributions they get (outliers.py), under jax."""

import jax
import jax.numpy as jnp

from rec_jax.coders.tree.outliers import LENGTHS, MAX_EXPONENT, MAX_OUTLIERS, MIN_EXPONENT, Outliers
from rec_jax.core.gaussian import DiagGaussian, kl_nats

WIDEST = 16.0  # t is at most so many times the posterior's scale: a narrower t would only cost more bits
WIDE = 3.0  # times as wide as p: beyond it what arrives is too narrow by more than a tenth


def find_outliers(q: DiagGaussian, p: DiagGaussian, reach_nats: float) -> Outliers:
    """The dims of more than reach_nats or over WIDE times as wide as p, at most MAX_OUTLIERS of them; q and p [D]."""
    n_dims = p.loc.size
    nats = kl_nats(q, p)
    beyond = jnp.where(q.scale > WIDE * p.scale, nats, nats - reach_nats)
    beyond, dims = jax.lax.top_k(beyond, min(MAX_OUTLIERS, n_dims))
    dims = jnp.sort(jnp.where(beyond > 0, dims, n_dims))
    dims = jnp.pad(dims, (0, MAX_OUTLIERS + 1 - dims.size), constant_values=n_dims)
    loc, scale = (
        jnp.take(x, dims, mode="fill", fill_value=1.0) for x in ((q.loc - p.loc) / p.scale, q.scale / p.scale)
    )
    wide = -jnp.ceil(jnp.log(scale) / jnp.log(4.0))  # t between one and four times the posterior's scale
    narrow = jnp.maximum(jnp.ceil(-jnp.log(WIDEST * scale) / jnp.log(4.0)), 0)
    exponents = jnp.clip(jnp.where(scale > WIDE, wide, narrow), MIN_EXPONENT, MAX_EXPONENT)
    limit = float((1 << (LENGTHS - 1)) - 1)
    shifts = jnp.clip(jnp.round(0.5 * loc * 4.0**exponents), -limit, limit)
    used = dims < n_dims
    return Outliers(dims, *(jnp.where(used, x, 0).astype(jnp.int32) for x in (exponents, shifts)))


def recentre(p: DiagGaussian, outliers: Outliers) -> DiagGaussian:
    """p [D] with the outliers' own coding distributions in their places."""
    t = jnp.ldexp(1.0, -2 * outliers.exponents)
    loc, scale = (jnp.take(x, outliers.dims, mode="fill", fill_value=1.0) for x in (p.loc, p.scale))
    return DiagGaussian(
        p.loc.at[outliers.dims].set(loc + scale * 2.0 * t * outliers.shifts, mode="drop"),
        p.scale.at[outliers.dims].set(scale * t, mode="drop"),
    )

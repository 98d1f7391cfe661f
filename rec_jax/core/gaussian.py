"""Diagonal Gaussians: the only distributions that relative entropy coders see."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

_LOG_2PI = 1.8378770664093453


class DiagGaussian(NamedTuple):
    """N(loc, diag(scale^2)); a pytree, so that it passes through jit, vmap and scan."""

    loc: Any  # [..., D], of jax or numpy, or plain numbers
    scale: Any  # as loc, > 0, a standard deviation


def sample(key: jax.Array, p: DiagGaussian) -> jax.Array:
    """One draw from p by reparametrisation, loc + scale * eps; shape of p.loc."""
    return p.loc + p.scale * jax.random.normal(key, p.loc.shape, p.loc.dtype)


def log_prob(z: jax.Array, p: DiagGaussian) -> jax.Array:
    """log p(z) in nats, one number per coordinate (not summed)."""
    return -0.5 * (((z - p.loc) / p.scale) ** 2 + _LOG_2PI) - jnp.log(p.scale)


def log_ratio(z: jax.Array, q: DiagGaussian, p: DiagGaussian) -> jax.Array:
    """log q(z) / p(z) in nats per coordinate; its mean under q is KL(q || p)."""
    return log_prob(z, q) - log_prob(z, p)


def kl_nats(q: DiagGaussian, p: DiagGaussian) -> jax.Array:
    """KL(q || p) in nats per coordinate: log(s/r) + (r^2 + (mu - m)^2) / (2 s^2) - 1/2."""
    ratio = q.scale / p.scale
    shift = (q.loc - p.loc) / p.scale
    return -jnp.log(ratio) + 0.5 * (ratio**2 + shift**2 - 1.0)


def standardise(q: DiagGaussian, p: DiagGaussian) -> DiagGaussian:
    """q in the coordinates u = (z - p.loc) / p.scale, where p is N(0, 1)."""
    return DiagGaussian((q.loc - p.loc) / p.scale, q.scale / p.scale)

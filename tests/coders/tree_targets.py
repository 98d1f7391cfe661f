"""Targets of the tree coder's tests."""

import numpy as np

from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import coder_key

KEY = coder_key(3)


def make_target(rng, n_dims, nats, shape=0.2):
    """In the prior's coordinates, about `nats` nats unevenly spread."""
    share = rng.gamma(shape, size=n_dims)
    kl = nats * share / share.sum()
    loc = rng.normal(size=n_dims) * np.sqrt(-np.expm1(-2.0 * kl))
    return DiagGaussian(np.float32(loc), np.float32(np.exp(-kl)))


def standard(n_dims):
    return DiagGaussian(np.zeros(n_dims, np.float32), np.ones(n_dims, np.float32))

"""The targets that coders are timed and judged on: sparse posteriors like those of a trained network.

With T nats over D dims: g_i ~ Gamma(0.05), k_i = T g_i / sum g, rho_i = exp(-k_i) sigma_i and
(mu_i - m_i) / sigma_i ~ N(0, 1 - exp(-2 k_i)), so that E KL_i = k_i; m_i ~ N(0, 1), sigma_i = exp(N(0, 1) / 2).
The dense target spreads its nats evenly instead: k_i = T / D.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import DiagGaussian

GAMMA_SHAPE = 0.05


@dataclass(frozen=True)
class TargetFamily:
    """Random pairs (q, p) of n_dims dims whose KL is kl_nats on average."""

    n_dims: int
    kl_nats: float
    sparse: bool = True


TARGETS = {
    "small": TargetFamily(8192, 176.0),
    "large": TargetFamily(49_152, 1015.0),
    "faint": TargetFamily(8192, 1.5),
    "dense": TargetFamily(4096, 1024.0, sparse=False),
}


def make_target(key: jax.Array, family: TargetFamily) -> tuple[DiagGaussian, DiagGaussian]:
    """One (q, p) of the family; arrays [n_dims]."""
    keys, shape = jax.random.split(key, 4), (family.n_dims,)
    if family.sparse:
        log_gamma = jax.random.loggamma(keys[0], GAMMA_SHAPE, shape)  # most gammas underflow; their logs do not
        dim_kl = family.kl_nats * jax.nn.softmax(log_gamma)
    else:
        dim_kl = jnp.full(shape, family.kl_nats / family.n_dims)
    p = DiagGaussian(jax.random.normal(keys[1], shape), jnp.exp(0.5 * jax.random.normal(keys[2], shape)))
    shift = jnp.sqrt(-jnp.expm1(-2.0 * dim_kl)) * jax.random.normal(keys[3], shape)
    return DiagGaussian(p.loc + p.scale * shift, p.scale * jnp.exp(-dim_kl)), p

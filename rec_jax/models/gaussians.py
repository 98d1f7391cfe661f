"""A network's (loc, log scale) as Gaussians, in float32."""

import jax.numpy as jnp

from rec_jax.core.gaussian import DiagGaussian

MAX_LOG_SCALE = 6.0  # exp(+-6): a latent's scale beyond this is a diverged network, not information


def gaussian(loc, log_scale) -> DiagGaussian:
    """N(loc, exp(log_scale)^2), log_scale clipped to +-MAX_LOG_SCALE as the exact prior's is."""
    return DiagGaussian(loc, jnp.exp(jnp.clip(log_scale, -MAX_LOG_SCALE, MAX_LOG_SCALE)))

"""The ratio q/p of a Gaussian q = N(mu, rho^2) to p = N(0, 1), rho < 1: its maximum, its mode and its level sets.

In one dim log q(z)/p(z) = D_inf - tau^2 / 2 with tau = (z - mode) sqrt(1 - rho^2) / rho, mode = mu / (1 - rho^2) and
D_inf = -log rho + mu^2 / (2 (1 - rho^2)): the level sets are intervals |tau| <= omega around the mode.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(40)
_REACH = 7.0  # standard deviations of q that hold all but 3e-12 of it
_MIN_CURVATURE = 1e-12  # 1 - rho^2 of a q that equals p


class Peak(NamedTuple):
    """q/p in one dim; arrays []."""

    bound: jax.Array  # D_inf, nats; inf if q/p is unbounded
    mode: jax.Array
    root: jax.Array  # c = sqrt(1 - rho^2)
    offset: jax.Array  # mu rho / c
    target: DiagGaussian  # q itself

    def tau(self, z: jax.Array) -> jax.Array:
        """Distance from the mode in units that make log q/p = bound - tau^2 / 2."""
        return self.root * (z - self.target.loc) / self.target.scale - self.offset

    def log_ratio(self, z: jax.Array) -> jax.Array:
        """log q(z)/p(z), nats."""
        return self.bound - 0.5 * self.tau(z) ** 2


def one_dim(x: DiagGaussian) -> DiagGaussian:
    """x [1] as scalars []; ConfigError for any other shape."""
    if x.loc.shape != (1,):
        raise ConfigError(f"a target of shape {x.loc.shape}: this coder takes one dim, shape (1,); use vmap for more")
    return DiagGaussian(x.loc[0], x.scale[0])


def max_log_ratio(q: DiagGaussian) -> jax.Array:
    """D_inf per dim of q in p's coordinates, nats: 0 for q = p, inf (or nan) where q is not narrower than p."""
    curvature = (1.0 - q.scale) * (1.0 + q.scale)
    bound = -jnp.log(q.scale) + 0.5 * q.loc**2 / jnp.where(curvature > 0, curvature, 1.0)
    same = (q.scale == 1.0) & (q.loc == 0.0)
    return jnp.where(same, 0.0, jnp.where(curvature > 0, bound, jnp.inf))


def peak(q: DiagGaussian) -> Peak:
    """q/p of one dim, q in p's coordinates with loc and scale []."""
    curvature = jnp.maximum((1.0 - q.scale) * (1.0 + q.scale), _MIN_CURVATURE)
    root = jnp.sqrt(curvature)
    return Peak(max_log_ratio(q), q.loc / curvature, root, q.loc * q.scale / root, q)


def left_over(peak: Peak, omega: jax.Array, below=-np.inf, above=np.inf) -> jax.Array:
    """Integral of (q - h p)+ over below < z < above, where h is the level of q/p at tau = omega; over the whole line it
    is Q(q/p >= h) - h P(q/p >= h).

    With z = mu + rho e the integrand is phi(e) (1 - exp(-(omega^2 - tau^2) / 2)), which no rounding can make negative;
    Gauss-Legendre quadrature over the level set. omega: any shape; below, above [].
    """
    first, last = (jnp.clip((z - peak.target.loc) / peak.target.scale, -_REACH, _REACH) for z in (below, above))
    low = jnp.clip((peak.offset - omega) / peak.root, first, last)[..., None]
    high = jnp.clip((peak.offset + omega) / peak.root, first, last)[..., None]
    e = 0.5 * (low + high) + 0.5 * (high - low) * jnp.float32(_NODES)
    tau = peak.root * e - peak.offset
    inside = -jnp.expm1(-0.5 * jnp.maximum(omega[..., None] ** 2 - tau**2, 0.0))
    density = jnp.exp(-0.5 * e**2) * np.float32(1.0 / np.sqrt(2.0 * np.pi))
    return 0.5 * (high - low)[..., 0] * ((density * inside) @ jnp.float32(_WEIGHTS))

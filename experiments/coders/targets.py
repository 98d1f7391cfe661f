"""The targets that coders are timed and judged on: sparse posteriors like those of a trained network, and small ones.

With T nats over D dims: g_i ~ Gamma(0.05), k_i = T g_i / sum g, rho_i = exp(-k_i) sigma_i and
(mu_i - m_i) / sigma_i ~ N(0, 1 - exp(-2 k_i)), so that E KL_i = k_i; m_i ~ N(0, 1), sigma_i = exp(N(0, 1) / 2).
A dense target spreads its nats evenly instead: k_i = T / D; all its dims have one scale, exp(-T / D) of the prior's.
"""

import dataclasses
import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import evaluate_key

GAMMA_SHAPE = 0.05
MEASURED, LEARNED_FROM = 1, 2  # what a target is for: they are never the same ones
Pair = tuple[DiagGaussian, DiagGaussian]  # (q, p), arrays [D]


class Shares(NamedTuple):
    """What is known of how a layer's KL is spread: LayerCoder.shares_of's arguments."""

    of_channel: tuple[int, ...]
    shape: tuple[int, int, int]


class Targets(Protocol):
    """A set of targets without end, or of so many images; hashable."""

    def key(self) -> dict[str, Any]:
        """Everything that the targets depend on besides code, as plain values."""

    def calls(self, purpose: int, seed: int) -> list[Pair]:
        """The calls of one target: one (q, p), or one per layer of an image; the same shapes for every seed."""

    def shares(self) -> list[Shares | None]:
        """Per call, how its KL is expected to be spread; None: nothing is known."""


@dataclass(frozen=True)
class TargetFamily:
    """Random pairs (q, p) of n_dims dims whose KL is kl_nats on average."""

    n_dims: int
    kl_nats: float
    sparse: bool = True

    def key(self) -> dict[str, Any]:
        """See Targets."""
        return dataclasses.asdict(self)

    @property
    def dense_scale(self) -> float:
        """rho / sigma of every dim of a dense target."""
        return math.exp(-self.kl_nats / self.n_dims)

    def calls(self, purpose: int, seed: int) -> list[Pair]:
        """See Targets."""
        return [make_target(evaluate_key(purpose, seed), self)]

    def shares(self) -> list[Shares | None]:
        """See Targets: which dims are sharp differs from target to target."""
        return [None]


@dataclass(frozen=True)
class OneGaussian:
    """The one target N(mu, rho^2) under p = N(0, 1), coded with a key of its own every time."""

    mu: float
    rho: float

    def key(self) -> dict[str, Any]:
        """See Targets."""
        return dataclasses.asdict(self)

    def calls(self, purpose: int, seed: int) -> list[Pair]:
        """See Targets."""
        one = jnp.ones(1)
        return [(DiagGaussian(self.mu * one, self.rho * one), DiagGaussian(0.0 * one, one))]

    def shares(self) -> list[Shares | None]:
        """See Targets."""
        return [None]


TARGETS = {
    "small": TargetFamily(8192, 176.0),
    "large": TargetFamily(49_152, 1015.0),
    "faint": TargetFamily(8192, 1.5),
    "dense": TargetFamily(4096, 1024.0, sparse=False),
}
GROWING = {
    f"even_{kl}": TargetFamily(8192, float(kl), sparse=False) for kl in (8, 16, 32, 64, 128, 256, 512, 1024, 2048)
}
ONE_DIM = {f"one_dim_{kl:g}": TargetFamily(1, kl, sparse=False) for kl in (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)}
GAUSSIANS = {"wide": OneGaussian(0.3, 0.8), "sharp": OneGaussian(0.5, 0.01), "far": OneGaussian(2.4, 0.4)}
FEW_DIMS = {"three_dims_3": TargetFamily(3, 3.0, sparse=False)}


@functools.partial(jax.jit, static_argnums=1)
def make_target(key: jax.Array, family: TargetFamily) -> Pair:
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

"""Training metrics on the device: sums and counts, merged step by step, divided once when a row is written."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from rec_jax.core.units import nats_to_bits


class Totals(NamedTuple):
    """Sums over the steps since the last row; part of the state, so that a resumed run writes the same rows."""

    n_steps: jax.Array  # int32 []
    loss_nats_per_dim: jax.Array  # [], with free bits
    distortion_nats_per_dim: jax.Array  # []
    kl_nats_per_dim: jax.Array  # []
    gradient_norm: jax.Array  # [], of the loss in nats per dimension, before clipping
    first_bad_step: jax.Array  # int32 [], the first step with a loss or gradient that is not finite; 0: none


def no_totals() -> Totals:
    """The totals of no step."""
    zero = jnp.zeros((), jnp.float32)
    none = jnp.zeros((), jnp.int32)
    return Totals(none, zero, zero, zero, zero, none)


def merge(earlier: Totals, later: Totals) -> Totals:
    """The totals of both; first_bad_step is the earlier's if it has one."""
    first_bad_step = jnp.where(earlier.first_bad_step > 0, earlier.first_bad_step, later.first_bad_step)
    return jax.tree.map(jnp.add, earlier, later)._replace(first_bad_step=first_bad_step)


def summarise(totals: Totals) -> dict[str, float]:
    """Means per step of totals that are already on the host, in bits per dimension."""
    n_steps = float(totals.n_steps)
    distortion, kl = float(totals.distortion_nats_per_dim), float(totals.kl_nats_per_dim)
    return {
        "loss_bpd": nats_to_bits(float(totals.loss_nats_per_dim)) / n_steps,
        "elbo_bpd": nats_to_bits(distortion + kl) / n_steps,
        "distortion_bpd": nats_to_bits(distortion) / n_steps,
        "kl_bpd": nats_to_bits(kl) / n_steps,
        "gradient_norm": float(totals.gradient_norm) / n_steps,
    }

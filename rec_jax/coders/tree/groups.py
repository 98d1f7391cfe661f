"""Which dims of a block each step of the tree coder fixes: groups of equal expected KL."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

MAX_WEIGHT = 4095  # so that the weights of a block sum to an int32
_TOTAL = 1 << 24  # of a block's weights, after scaling: fine enough for any number of groups, and still an int32


class Groups(NamedTuple):
    """D dims, in their shared order, dealt to the steps; group k is dims starts[k] to starts[k + 1]."""

    group_of: jax.Array  # int32 [D], rising
    starts: jax.Array  # int32 [max_steps + 1]


def make_groups(weights: jax.Array, n_steps, max_steps: int, n_candidates: int, length: int) -> Groups:
    """max(n_steps, 1) groups that hold equal shares of the weights, as nearly as whole dims allow.

    weights: int32 [D], 1 to MAX_WEIGHT, proportional to the KL that each dim is expected to have.

    The first steps have no dims: they only spread the search over M^lead paths, so that the first dim, which may need
    many nats, has as many candidates to choose from as any other; as many as a step's F = length windows can tell
    paths apart, M^(lead + 1) <= F. A dim of several groups' weight comes with the last of them, to the same end.
    """
    longest_lead = 0
    while n_candidates ** (longest_lead + 2) <= length:
        longest_lead += 1
    lead = jnp.clip(n_steps - 1, 0, longest_lead)
    n_full = jnp.maximum(n_steps, 1) - lead
    share = jnp.cumsum(weights * jnp.maximum(_TOTAL // jnp.sum(weights), 1))
    group_of = lead + jnp.minimum((share - 1) // -(-share[-1] // n_full), n_full - 1)
    return Groups(group_of, jnp.searchsorted(group_of, jnp.arange(max_steps + 1), method="sort").astype(jnp.int32))

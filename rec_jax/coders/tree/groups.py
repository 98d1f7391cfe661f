"""Which dims of a block each step of the tree coder fixes: groups of equal expected KL."""

from typing import Any

MAX_WEIGHT = 4095  # so that the weights of a block of MAX_DIMS sum to an int32
MAX_DIMS = (2**31 - 1) // MAX_WEIGHT  # the most of a block
_TOTAL = 1 << 24  # of a block's weights, after scaling: fine enough for any number of groups, and still an int32


def group_of_dims(weights: Any, n_steps: Any, n_candidates: int, length: int, xp: Any) -> Any:
    """The step that fixes each dim, int32 [..., D], rising; n_steps [...].

    There are max(n_steps, 1) groups that hold equal shares of the weights, as nearly as whole dims allow.
    weights: int32 [..., D <= MAX_DIMS], 1 to MAX_WEIGHT, proportional to the KL that each dim is expected to have.

    The first steps have no dims: they only spread the search over M^lead paths, so that the first dim, which may need
    many nats, has as many candidates to choose from as any other; as many as a step's F = length windows can tell
    paths apart, M^(lead + 1) <= F. A dim of several groups' weight comes with the last of them, to the same end.
    """
    longest_lead = 0
    while n_candidates ** (longest_lead + 2) <= length:
        longest_lead += 1
    n_steps = n_steps[..., None]
    lead = xp.clip(n_steps - 1, 0, longest_lead).astype(xp.int32)
    n_full = (xp.maximum(n_steps, 1) - lead).astype(xp.int32)
    whole = xp.sum(weights, axis=-1, keepdims=True, dtype=xp.int32)
    share = xp.cumsum(weights * xp.maximum(_TOTAL // whole, 1), axis=-1, dtype=xp.int32)
    return lead + xp.minimum((share - 1) // -(-share[..., -1:] // n_full), n_full - 1)

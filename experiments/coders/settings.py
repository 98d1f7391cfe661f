"""The coders that are measured, by name: options of make_coder."""

from typing import Any

from experiments.coders.targets import TargetFamily
from rec_jax.codec.presets import PRESETS

Options = dict[str, Any]  # of make_coder, `kind` included

TREE: dict[str, Options] = {f"tree {name}": options for name, options in PRESETS.items() if options["kind"] == "tree"}
IREC: dict[str, Options] = {
    "iREC B=4": dict(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=4, block_size=1000),
    "iREC lossless": dict(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20, block_size=1000),  # of the paper
    "iREC lossy": dict(kind="beam_search", omega=3.0, epsilon=0.0, n_beams=10, block_size=1000),  # of the paper
    "iREC B=200": dict(kind="beam_search", omega=3.0, epsilon=0.0, n_beams=200, block_size=1000),
    "iREC matched": dict(
        kind="beam_search", omega=3.0, epsilon=0.0, n_beams=200, block_size=1000, schedule="matched", rate=1.1
    ),
    "iREC one block": dict(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20, block_size=None),
}
LAYER_CODERS = IREC | TREE  # for whole layers; the others take a few nats a call


def few_nats_coders(n_dims: int, target_scale: float, **expected: float) -> dict[str, Options]:
    """The coders of a few nats; one dim: all of them.

    target_scale: rho / sigma, which both sides know.  expected: expected_kl_nats, if they know that too.
    """
    any_dims = {
        "index": dict(kind="index"),
        "index, sampled": dict(kind="index", selection="sampled"),
        "ordered": dict(kind="ordered", **expected),
        "poisson": dict(kind="poisson", **expected),
        "dithered": dict(kind="dithered", target_scale=target_scale),
    }
    one_dim = {
        "a_star": dict(kind="a_star"),
        "a_star, split sample": dict(kind="a_star", split="sample"),
        "greedy_rejection": dict(kind="greedy_rejection"),
        "greedy_rejection, split dyadic": dict(kind="greedy_rejection", split="dyadic"),
        "greedy_rejection, split sample": dict(kind="greedy_rejection", split="sample"),
        "greedy_poisson": dict(kind="greedy_poisson"),
        "greedy_poisson, split sample": dict(kind="greedy_poisson", split="sample"),
    }
    if n_dims > 1:
        return any_dims
    told = {name: options | expected for name, options in one_dim.items()}
    return any_dims | told | {"a_star, max_depth 10": dict(kind="a_star", max_depth=10)}


def family_coders(family: TargetFamily) -> dict[str, Options]:
    """few_nats_coders of a dense family, whose KL and scale both sides know."""
    return few_nats_coders(family.n_dims, family.dense_scale, expected_kl_nats=family.kl_nats)

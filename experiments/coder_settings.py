"""The coders that bench, sweep and the tables of docs/CODERS.md measure, by name; options of make_coder."""

from typing import Any

from experiments.targets import TargetFamily
from rec_jax.codec.preset_options import PRESETS

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


def few_nats_coders(family: TargetFamily) -> dict[str, Options]:
    """The coders of a few nats for a dense family, whose KL and scale both sides know; one dim: all of them."""
    expected = dict(expected_kl_nats=family.kl_nats)
    any_dims = {
        "index": dict(kind="index"),
        "index, sampled": dict(kind="index", selection="sampled"),
        "ordered": dict(kind="ordered", **expected),
        "poisson": dict(kind="poisson", **expected),
        "dithered": dict(kind="dithered", target_scale=family.dense_scale),
    }
    if family.n_dims > 1:
        return any_dims
    return any_dims | {
        "a_star": dict(kind="a_star", **expected),
        "a_star, split sample": dict(kind="a_star", split="sample", **expected),
        "a_star, max_depth 10": dict(kind="a_star", max_depth=10, **expected),
        "greedy_rejection": dict(kind="greedy_rejection", **expected),
        "greedy_rejection, split dyadic": dict(kind="greedy_rejection", split="dyadic", **expected),
        "greedy_rejection, split sample": dict(kind="greedy_rejection", split="sample", **expected),
        "greedy_poisson": dict(kind="greedy_poisson", **expected),
        "greedy_poisson, split sample": dict(kind="greedy_poisson", split="sample", **expected),
    }

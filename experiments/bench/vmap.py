"""jax.vmap(coder.encode) against encode_batch, outside jit and inside, for every kind of coder."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from experiments.bench.case import ModelCase
from experiments.cases import Row
from experiments.timing import timed
from rec_jax.coders import make_coder
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import coder_key, evaluate_key

# (options of make_coder, dims, calls): the README's two, and the small ones at what they are for
CODERS: list[tuple[dict[str, Any], int, int]] = [
    (dict(kind="tree"), 1000, 4),
    (dict(kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20), 1000, 4),
    *((dict(kind=kind), 2, 100) for kind in ("index", "ordered", "poisson")),
    *((dict(kind=kind), 1, 100) for kind in ("a_star", "greedy_rejection", "greedy_poisson")),
    (dict(kind="dithered", target_scale=0.5), 3, 100),
]
_QUICK = {"n_calls": 4, "n_times": 1}


def vmap_cases(quick: bool) -> list[ModelCase]:
    """One case per coder; quick: the small ones, few calls."""
    cases = []
    for coder, n_dims, n_calls in CODERS[2:] if quick else CODERS:
        size = _QUICK if quick else {"n_calls": n_calls, "n_times": max(5, n_calls)}
        title = f"vmap {coder['kind']}, {size['n_calls']} calls of {n_dims} dims"
        cases.append(ModelCase(title, bench_vmap, "", {"coder": coder, "n_dims": n_dims, **size}))
    return cases


def bench_vmap(_model: str, coder: dict[str, Any], n_dims: int, n_calls: int, n_times: int) -> Row:
    """Seconds after compilation, ratios to encode_batch.

    vmap_extra_s: what vmap outside jit takes above encode_batch; tracing, whatever the coder has to do.  bare_vmap_s:
    the same of a compiled function of those arguments that does next to nothing, below which no coder can be.
    """
    made = make_coder(**coder)
    shape = n_calls, n_dims
    p = DiagGaussian(jnp.zeros(shape, jnp.float32), jnp.ones(shape, jnp.float32))
    q = DiagGaussian(jax.random.normal(evaluate_key(0, 0), shape), jnp.full(shape, 0.5, jnp.float32))
    ways = {"batch": made.encode_batch, "vmap": jax.vmap(made.encode), "jit_vmap": jax.jit(jax.vmap(made.encode))}
    bare = jax.jit(lambda key, q, p: (jax.random.key_data(key), q.loc + p.loc, q.scale * p.scale))
    ways["bare_vmap"] = jax.vmap(bare)
    seconds = least(ways, n_times, jax.random.split(coder_key(0), n_calls), q, p)
    return {
        **{f"{way}_s": value for way, value in seconds.items()},
        **{f"{way}_ratio": seconds[way] / seconds["batch"] for way in ("vmap", "jit_vmap")},
        "vmap_extra_s": seconds["vmap"] - seconds["batch"],
    }


def least(ways: dict[str, Callable], n_times: int, *args: Any) -> dict[str, float]:
    """Least seconds of each; they take turns so that other work on the machine meets all alike."""
    for f in ways.values():
        timed(f, *args)
    turns = [{name: timed(f, *args)[0].wall_s for name, f in ways.items()} for _ in range(n_times)]
    return {name: min(turn[name] for turn in turns) for name in ways}

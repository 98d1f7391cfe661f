"""Bits and speed of the coders on the targets of experiments/targets.py, without any network."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from experiments.progress import table
from experiments.targets import TARGETS, make_target
from experiments.timing import normals_s, timed, timed_compile
from rec_jax.codec.presets import preset_coder
from rec_jax.coders import BeamSearchCoder, Coder, make_coder
from rec_jax.coders.step_counts import fit_step_counts
from rec_jax.core.gaussian import log_ratio
from rec_jax.core.prng import coder_key, evaluate_key
from rec_jax.core.units import bits_to_nats

SETTINGS = {
    "default": preset_coder("default"),  # omega 3, epsilon 0.2, B 20, blocks of 1000
    "fast": preset_coder("fast"),
    "best": preset_coder("best"),
    "one block": make_coder("beam_search", omega=3.0, epsilon=0.2, n_beams=20, block_size=None),
    "index": make_coder("index"),
}
CASES = [
    *(("small", setting) for setting in ("default", "fast", "best", "one block")),
    *(("large", setting) for setting in ("default", "best")),
    *(("faint", setting) for setting in ("default", "index")),
    *(("dense", setting) for setting in ("default", "one block")),
]
QUICK_CASES = [("small", "default"), ("faint", "default")]
_SEEDS, _BUDGET_S, _MIN_SEEDS = 12, 4.0, 3  # per case: so many targets, fewer once the time is up


def bench_coder(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """One row per target and setting; times also in units of the yardstick, measured in the same run."""
    yardstick_s = normals_s()
    say(f"numpy draws 10^7 float32 normals in {yardstick_s:.3f} s: 1 yardstick")
    rows = []
    for target, setting in QUICK_CASES if quick else CASES:
        row = measure(target, SETTINGS[setting], *((2, 1.0) if quick else (_SEEDS, _BUDGET_S)))
        rows.append({"target": target, "setting": setting, **row, "encode_yardsticks": row["encode_s"] / yardstick_s})
        say(f"{target}, {setting}: done")
    say("over KL, in percent of KL: indices alone, K under a learned model, both; z2 of an exact sample is 1")
    for line in table([_cells(row) for row in rows]).splitlines():
        say(line)
    return {"normals_1e7_s": yardstick_s, "rows": rows}


def _cells(row: dict[str, Any]) -> dict[str, str]:
    return {
        "target": f"{row['target']}, {row['setting']}",
        "KL": f"{row['kl_nats']:.4g}",
        "encode s": f"{row['encode_s']:.3f}",
        "ms/nat": f"{1e3 * row['encode_s_per_nat']:.2f}",
        "yardsticks": f"{row['encode_yardsticks']:.2f}",
        "decode s": f"{row['decode_s']:.3f}",
        "compile s": f"{row['compile_s']:.1f}",
        "index": f"{100 * row['index_overhead']:.1f}",
        "K": f"{100 * row['k_overhead']:.1f}",
        "total": f"{100 * row['total_overhead']:.1f}",
        "z2": f"{row['z2']:.3f}",
        "seeds": str(row["n_seeds"]),
    }


def measure(target: str, coder: Coder, n_seeds: int, budget_s: float) -> dict[str, float]:
    """Means over fresh targets and keys.

    overheads: (nats sent - log q(z) / p(z)) / KL with z as the decoder draws it: of the indices alone, of K (the
    numbers of steps, under a model learned on other targets, as a model file carries it), and of both.
    z2: mean of ((z - mu) / rho)^2, 1 for an exact sample.
    """
    make = jax.jit(make_target, static_argnums=1)
    q, p = make(evaluate_key(0, 0), TARGETS[target])
    compile_s, encode = timed_compile(coder.encode, coder_key(0), q, p)
    decode = jax.jit(coder.decode)
    if isinstance(coder, BeamSearchCoder):
        coder = _with_learned_counts(coder, encode, make, target, n_seeds, budget_s / 2)
    seconds, sums = [], []
    start_s = time.perf_counter()
    for seed in range(n_seeds):
        key, (q, p) = coder_key(seed), make(evaluate_key(1, seed), TARGETS[target])
        encode_s, (code, info) = timed(encode, key, q, p)
        if bool(info.overflow):
            raise RuntimeError(f"target {target} overflows this coder")
        if seed == 0:
            decode(key, p, code)  # compiles
        decode_s, z = timed(decode, key, p, code)
        seconds.append((encode_s, decode_s))
        sums.append(_nats(coder, jax.device_get(code), z, q, p, info))
        if seed + 1 >= _MIN_SEEDS and time.perf_counter() - start_s > budget_s:
            break
    encode_s, decode_s = np.median(seconds, axis=0)
    index_nats, k_nats, ratio_nats, kl_nats, z2 = np.mean(sums, axis=0)
    return {
        "n_seeds": len(sums),
        "kl_nats": float(kl_nats),
        "compile_s": compile_s,
        "encode_s": float(encode_s),
        "encode_s_per_nat": float(encode_s / kl_nats),
        "decode_s": float(decode_s),
        "index_overhead": float((index_nats - ratio_nats) / kl_nats),
        "k_overhead": float(k_nats / kl_nats),
        "total_overhead": float((index_nats + k_nats - ratio_nats) / kl_nats),
        "z2": float(z2),
    }


def _nats(coder: Coder, code, z, q, p, info) -> tuple[float, ...]:
    """(indices, numbers of steps, log q(z) / p(z), KL, mean squared z) of one call; nats."""
    values, tables = coder.symbols(code, p)  # the last run holds the indices
    bits = [table.bits(v) for v, table in zip(values, tables, strict=True)]
    ratio_nats = float(log_ratio(z, q, p).sum())
    z2 = float((((z - q.loc) / q.scale) ** 2).mean())
    return bits_to_nats(bits[-1]), bits_to_nats(sum(bits[:-1])), ratio_nats, float(info.kl_nats), z2


def _with_learned_counts(coder, encode, make, target: str, n_seeds: int, budget_s: float) -> BeamSearchCoder:
    """The coder with a model of the numbers of steps that was fitted on other targets of the family."""
    calls, start_s = [], time.perf_counter()
    for seed in range(n_seeds):
        code, _ = encode(coder_key(seed), *make(evaluate_key(2, seed), TARGETS[target]))
        calls.append(np.asarray(code.n_steps))
        if seed + 1 >= _MIN_SEEDS and time.perf_counter() - start_s > budget_s:
            break
    return dataclasses.replace(coder, step_counts=fit_step_counts(calls, coder.max_steps))

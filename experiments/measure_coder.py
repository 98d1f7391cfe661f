"""What a coder costs and what its samples are like: bits, seconds and z2 over fresh targets, decoded from symbols."""

import dataclasses
import functools
import inspect
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from experiments.targets import LEARNED_FROM, MEASURED, Targets
from experiments.timing import normals_s, timed_compile
from rec_jax.coders import Coder, StepCountModel
from rec_jax.coders.irec.variance_schedule import fit_laws
from rec_jax.coders.step_counts import fit_step_counts
from rec_jax.core.gaussian import DiagGaussian, log_ratio
from rec_jax.core.prng import child_key, coder_key
from rec_jax.core.units import bits_to_nats, nats_to_bits

_MIN_SEEDS = 3  # measured whatever the time


class Seconds(NamedTuple):
    """Of the wall's clock, and of all cores for this process (which other work on the machine stretches less)."""

    wall_s: float
    cpu_s: float


class Compiled(NamedTuple):
    """A coder at one size."""

    compile_s: float  # of the encoder
    memory_mb: float  # that the encoder needs besides its arguments and results
    encode: Callable
    decode: Callable


class _Call(NamedTuple):
    """One call, or the sum of an image's calls."""

    index_nats: float
    k_nats: float
    ratio_nats: float  # log q(z) / p(z) of the decoder's z
    kl_nats: float
    z2: float  # sum over dims
    n_dims: float
    encode_s: float
    encode_cpu_s: float
    decode_s: float


def yardstick() -> Seconds:
    """In which numpy draws 10^7 float32 normals; measured beside what is to be compared with it."""
    n_calls, start_s = 3, time.process_time()
    wall_s = normals_s(n_calls)
    return Seconds(wall_s, (time.process_time() - start_s) / n_calls)


def measure(
    targets: Targets, coder: Coder, n_seeds: int, budget_s: float = math.inf, n_learned_from: int = 16
) -> dict[str, Any]:
    """Means over fresh targets and keys, each decoded from the symbols that a file would hold.

    n_seeds: how many targets; fewer once budget_s is up, but at least 3.  n_learned_from: other targets of the same
    kind from which the model of K is learned, as a model file carries it, one per layer; 0: the coder's own.

    Returns numbers by name; None where every target overflowed.
      overheads: (nats sent - log q(z) / p(z)) / KL with z as the decoder draws it: of the indices alone, of K (the
        numbers of steps and what else side_bits counts; the coders of a few nats have none) and of both, with the
        standard error of the last.
      z2: mean of ((z - mu) / rho)^2 over dims, 1 for an exact sample.
      encode_s, encode_cpu_s, decode_s: mean of one target's calls, one by one; CPU seconds only where it is a CPU.
      failures: targets that overflowed; they count in nothing else.
    """
    shapes = [p.loc.size for _, p in targets.calls(MEASURED, 0)]
    ready = _ready(targets, coder)
    learned = learned_options(targets, one_beam(coder), n_learned_from) if n_learned_from else [{}] * len(shapes)
    layers = [dataclasses.replace(coder, **options) for options in learned]
    _warm_up(targets, ready, layers)
    measured, n_failed, start_s = [], 0, time.perf_counter()
    for seed in range(n_seeds):
        one = _measure_one(targets, seed, ready, layers)
        n_failed += one is None
        measured += [] if one is None else [one]
        if seed + 1 >= _MIN_SEEDS and time.perf_counter() - start_s > budget_s:
            break
    return {
        "n_seeds": n_failed + len(measured),
        "failures": n_failed,
        "compile_s": sum({n: r.compile_s for n, r in zip(shapes, ready, strict=True)}.values()),
        "memory_mb": max(r.memory_mb for r in ready),
        **_means(measured),
    }


def _ready(targets: Targets, coder: Coder) -> list[Compiled]:
    """The coder for each call of a target, told the weights if it takes any and they are known."""
    takes = "weights" in inspect.signature(coder.encode).parameters
    ready = []
    for (_, p), weights in zip(targets.calls(LEARNED_FROM, 0), targets.weights(), strict=True):
        shared = (weights,) if takes and weights is not None else ()
        one = compiled(coder, p.loc.size, len(shared))
        encode, decode = (functools.partial(_with_shared, f, shared) for f in (one.encode, one.decode))
        ready.append(one._replace(encode=encode, decode=decode))
    return ready


def _with_shared(f: Callable, shared: tuple, *args):
    return f(*args, *shared)


@functools.lru_cache(maxsize=8)
def compiled(coder: Coder, n_dims: int, n_shared: int = 0) -> Compiled:
    """The coder's two sides for targets of n_dims dims; n_shared: 1 if both are told the weights, else 0."""
    p, shared = DiagGaussian(jnp.zeros(n_dims), jnp.ones(n_dims)), n_shared * (jnp.ones(n_dims, jnp.int32),)
    compile_s, encode = timed_compile(coder.encode, coder_key(0), p, p, *shared)
    memory_mb = encode.memory_analysis().temp_size_in_bytes / 1e6
    return Compiled(compile_s, memory_mb, encode, jax.jit(coder.decode))


def one_beam(coder: Coder) -> Coder:
    """A fast coder that takes as many steps: what K is depends on KL and not on how many paths are kept."""
    fields = {field.name for field in dataclasses.fields(coder)}
    if not {"n_beams", "step_counts"} <= fields:
        return coder
    by_omega = {"epsilon", "rate"} <= fields and coder.rate is None  # then K does not depend on M either
    return dataclasses.replace(coder, n_beams=1, **({"epsilon": 0.0} if by_omega else {}))


@functools.lru_cache(maxsize=64)
def learned_options(targets: Targets, coder: Coder, n_targets: int) -> list[dict[str, Any]]:
    """Per layer, the coder's options that a model file would carry, fitted on targets that are not measured.

    That is `step_counts`, the model of K, and with it `laws` where the encoder picks one; {} for a coder without a K.
    """
    layers: list[list[Any]] = [[] for _ in targets.calls(LEARNED_FROM, 0)]
    if not hasattr(coder, "step_counts"):
        return [{} for _ in layers]
    ready = _ready(targets, coder)
    for seed in range(n_targets):
        for layer, (q, p) in enumerate(targets.calls(LEARNED_FROM, seed)):
            code, _ = ready[layer].encode(_key(seed, layer), q, p)
            layers[layer].append(jax.device_get(code))
    learned = [{"step_counts": _fit_counts(codes, coder)} for codes in layers]
    if getattr(coder, "schedule", "power") == "matched":
        learned = [
            o | {"laws": fit_laws([int(c.choice) for c in codes])} for o, codes in zip(learned, layers, strict=True)
        ]
    return learned


def _fit_counts(codes: list[Any], coder: Coder) -> StepCountModel:
    return fit_step_counts([np.maximum(code.n_steps, 0) for code in codes], coder.max_steps)


def _key(seed: int, layer: int) -> jax.Array:
    return child_key(coder_key(seed), layer)


def _warm_up(targets: Targets, ready: list[Compiled], layers: list[Coder]) -> None:
    """Runs, and compiles what is not yet compiled, on targets that are not measured."""
    for layer, (q, p) in enumerate(targets.calls(LEARNED_FROM, 0)):
        _measure_call(_key(0, layer), q, p, ready[layer], layers[layer])


def _measure_one(targets: Targets, seed: int, ready: list[Compiled], layers: list[Coder]) -> _Call | None:
    """The sum of one target's calls; None if one of them overflows."""
    calls = []
    for layer, (q, p) in enumerate(targets.calls(MEASURED, seed)):
        calls.append(_measure_call(_key(seed, layer), q, p, ready[layer], layers[layer]))
    return None if None in calls else _Call(*np.sum(calls, axis=0).tolist())


def _measure_call(key, q, p, ready: Compiled, coder: Coder) -> _Call | None:
    encode, (code, info) = _timed(ready.encode, key, q, p)
    if bool(info.overflow):
        return None
    values, _ = coder.symbols(jax.device_get(code), p)
    code = coder.from_symbols(values, p)
    decode, z = _timed(ready.decode, key, p, code)
    ratio_nats, z2 = _judge(z, q, p)
    k_bits = coder.side_bits(code) if hasattr(coder, "side_bits") else 0.0
    index_nats = float(bits_to_nats(coder.index_bits(code) - k_bits))
    return _Call(
        index_nats, float(bits_to_nats(k_bits)), float(ratio_nats), float(info.kl_nats), float(z2), float(p.loc.size),
        encode.wall_s, encode.cpu_s, decode.wall_s,
    )  # fmt: skip


@jax.jit
def _judge(z: jax.Array, q: DiagGaussian, p: DiagGaussian) -> tuple[jax.Array, jax.Array]:
    return log_ratio(z, q, p).sum(), (((z - q.loc) / q.scale) ** 2).sum()


def _timed(f: Callable, *args) -> tuple[Seconds, Any]:
    jax.block_until_ready(args)
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    result = jax.block_until_ready(f(*args))
    return Seconds(time.perf_counter() - wall_s, time.process_time() - cpu_s), result


def _means(measured: list[_Call]) -> dict[str, float | None]:
    names = (
        "kl_nats", "index_overhead", "k_overhead", "total_overhead", "total_overhead_error", "overhead_bits", "z2",
        "encode_s", "encode_cpu_s", "encode_s_per_nat", "decode_s",
    )  # fmt: skip
    if not measured:
        return dict.fromkeys(names)
    mean = _Call(*np.mean(measured, axis=0).tolist())
    excess = np.array([m.index_nats + m.k_nats - m.ratio_nats for m in measured])
    kl = np.array([m.kl_nats for m in measured])
    total = excess.mean() / mean.kl_nats
    spread = (excess - total * kl).std(ddof=1) if len(measured) > 1 else math.nan
    numbers = (
        mean.kl_nats,
        (mean.index_nats - mean.ratio_nats) / mean.kl_nats,
        mean.k_nats / mean.kl_nats,
        float(total),
        float(spread / np.sqrt(len(measured)) / mean.kl_nats) if len(measured) > 1 else None,
        float(nats_to_bits(excess.mean())),
        mean.z2 / mean.n_dims,
        mean.encode_s,
        mean.encode_cpu_s if jax.default_backend() == "cpu" else None,
        mean.encode_s / mean.kl_nats,
        mean.decode_s,
    )
    return dict(zip(names, numbers, strict=True))

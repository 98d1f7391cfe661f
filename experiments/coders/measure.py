"""What a coder costs and what its samples are like: bits, seconds and z2 over fresh targets, decoded from symbols."""

import dataclasses
import functools
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from experiments.coders.targets import LEARNED_FROM, MEASURED, Shares, Targets
from experiments.timing import timed
from rec_jax.coders import Coder, LayerCoder
from rec_jax.coders.base import Code
from rec_jax.coders.irec.laws import fit_laws
from rec_jax.core.gaussian import DiagGaussian, log_ratio
from rec_jax.core.prng import child_key, coder_key
from rec_jax.core.units import bits_to_nats, nats_to_bits

_MIN_SEEDS = 3  # measured whatever the time
_FEW_DIMS = 16  # of a target whose z is compared with q, dim by dim


# fit(coder, codes of training calls, dims of a call) -> the coder as files of a model have it
Fit = Callable[[LayerCoder, list[Code], int], LayerCoder]


class Compiled(NamedTuple):
    """A coder at one size."""

    memory_mb: float  # that the encoder needs besides its arguments and results
    encode: Callable
    decode: Callable


class _Call(NamedTuple):
    """One call, or the sum of an image's calls."""

    deviations: np.ndarray  # (z - mu) / rho of up to _FEW_DIMS dims, else empty
    index_nats: float
    k_nats: float
    ratio_nats: float  # log q(z) / p(z) of the decoder's z
    kl_nats: float
    z2: float  # sum over dims
    n_dims: float
    encode_s: float
    encode_cpu_s: float
    decode_s: float


def measure(
    targets: Targets,
    coder: Coder,
    n_seeds: int,
    budget_s: float = math.inf,
    fit: Fit | None = None,
    n_learned_from: int = 16,
) -> dict[str, Any]:
    """Means over fresh targets and keys, each decoded from the symbols that a file would hold.

    n_seeds: how many targets; fewer once budget_s is up, but at least 3.
    fit: of a coder of whole layers; None: one of a few nats, which has no K.
    n_learned_from: other targets of the same kind that `fit` is given, layer by layer; 0: the coder as it is.

    Returns numbers by name; None where every target overflowed.
      overheads: (nats sent - log q(z) / p(z)) / KL with z as the decoder draws it: of the indices alone, of K (the
        numbers of steps and whatever else is sent before the indices; with fit=None all counts as index) and of both,
        with the standard error of the last.
      sent_bits, overhead_bits: a target's mean, of index and K; and what of it is more than log2 q(z) / p(z).
      ks_distance: Kolmogorov and Smirnov's, of z from q, where a target has a few dims; else None.
      z2: mean of ((z - mu) / rho)^2 over dims, 1 for an exact sample.
      encode_s, encode_cpu_s, decode_s: mean of one target's calls, one by one; CPU seconds only where it is a CPU.
      failures: targets that overflowed; they count in nothing else.
    """
    ready, layers = _ready(targets, coder, fit), [coder] * len(targets.shares())
    if fit and n_learned_from:
        layers = learned_layers(targets, coder, fit, n_learned_from)
    _warm_up(targets, ready, layers, fit)
    measured, n_failed, start_s = [], 0, time.perf_counter()
    for seed in range(n_seeds):
        one = _measure_one(targets, seed, ready, layers, fit)
        n_failed += one is None
        measured += [] if one is None else [one]
        if seed + 1 >= _MIN_SEEDS and time.perf_counter() - start_s > budget_s:
            break
    return {
        "n_seeds": n_failed + len(measured),
        "failures": n_failed,
        "memory_mb": max(r.memory_mb for r in ready),
        **_means(measured),
    }


def _ready(targets: Targets, coder: Coder, fit: Fit | None) -> list[Compiled]:
    """The coder for each call of a target, told the shares if they are known and it takes any."""
    ready = []
    for (_, p), known in zip(targets.calls(LEARNED_FROM, 0), targets.shares(), strict=True):
        shared = _shared(coder, known) if fit else ()
        one = compiled(coder, p.loc.size, len(shared))
        encode, decode = (functools.partial(_with_shared, f, shared) for f in (one.encode, one.decode))
        ready.append(one._replace(encode=encode, decode=decode))
    return ready


def _shared(coder: LayerCoder, known: Shares | None) -> tuple:
    shares = None if known is None else coder.shares_of(*known)
    return () if shares is None else (shares,)


def _with_shared(f: Callable, shared: tuple, *args):
    return f(*args, *shared)


@functools.lru_cache(maxsize=8)
def compiled(coder: Coder, n_dims: int, n_shared: int = 0) -> Compiled:
    """The coder's two sides for targets of n_dims dims; n_shared: 1 if both are told the shares, else 0."""
    p, shared = DiagGaussian(jnp.zeros(n_dims), jnp.ones(n_dims)), n_shared * (jnp.ones(n_dims, jnp.int32),)
    encode = jax.jit(coder.encode).lower(coder_key(0), p, p, *shared).compile()
    return Compiled(encode.memory_analysis().temp_size_in_bytes / 1e6, encode, jax.jit(coder.decode))


def one_beam(coder: LayerCoder) -> LayerCoder:
    """A fast coder that takes as many steps: what K is depends on KL and not on how many paths are kept."""
    return dataclasses.replace(coder, n_beams=1)


@functools.lru_cache(maxsize=64)
def learned_layers(targets: Targets, coder: LayerCoder, fit: Fit, n_targets: int) -> list[LayerCoder]:
    """Per layer, the coder as files would have it, fitted on targets that are not measured."""
    fast = one_beam(coder)
    ready, n_dims = _ready(targets, fast, fit), [p.loc.size for _, p in targets.calls(LEARNED_FROM, 0)]
    layers: list[list[Code]] = [[] for _ in ready]
    for seed in range(n_targets):
        for layer, (q, p) in enumerate(targets.calls(LEARNED_FROM, seed)):
            code, _ = ready[layer].encode(_key(seed, layer), q, p)
            layers[layer].append(jax.device_get(code))
    return [fit(coder, codes, n) for codes, n in zip(layers, n_dims, strict=True)]


def fit_steps(coder: LayerCoder, codes: list[Code], n_dims: int) -> LayerCoder:
    """A Fit: the numbers of steps, as a model file carries them."""
    return coder.with_counts(coder.fit(codes), n_dims, n_dims)


def fit_steps_and_laws(coder: LayerCoder, codes: list[Code], n_dims: int) -> LayerCoder:
    """A Fit of iREC with matched variances: also which law the encoder picks, which no model file carries yet."""
    return dataclasses.replace(fit_steps(coder, codes, n_dims), laws=fit_laws([int(code.choice) for code in codes]))


def _key(seed: int, layer: int) -> jax.Array:
    return child_key(coder_key(seed), layer)


def _warm_up(targets: Targets, ready: list[Compiled], layers: list[Coder], fit: Fit | None) -> None:
    """Runs, and compiles what is not yet compiled, on targets that are not measured."""
    for layer, (q, p) in enumerate(targets.calls(LEARNED_FROM, 0)):
        _measure_call(_key(0, layer), q, p, ready[layer], layers[layer], fit)


def _measure_one(targets: Targets, seed: int, ready: list[Compiled], layers, fit: Fit | None) -> _Call | None:
    """The sum of one target's calls; None if one of them overflows."""
    calls = []
    for layer, (q, p) in enumerate(targets.calls(MEASURED, seed)):
        calls.append(_measure_call(_key(seed, layer), q, p, ready[layer], layers[layer], fit))
    if None in calls:
        return None
    deviations = np.concatenate([call.deviations for call in calls])
    sums = np.sum([call[1:] for call in calls], axis=0).tolist()
    return _Call(deviations[: len(deviations) * (len(deviations) <= _FEW_DIMS)], *sums)


def _measure_call(key, q, p, ready: Compiled, coder: Coder, fit: Fit | None) -> _Call | None:
    encode, (code, info) = timed(ready.encode, key, q, p)
    if bool(info.overflow):
        return None
    values, tables = coder.symbols(jax.device_get(code), p)
    nats = [float(bits_to_nats(table.bits(v))) for v, table in zip(values, tables, strict=True)]
    k_nats = sum(nats[:-1]) if fit else 0.0
    code = coder.from_symbols(values, p)
    decode, z = timed(ready.decode, key, p, code)
    ratio_nats, deviations = _judge(z, q, p)
    deviations = np.asarray(deviations)
    z2 = float(np.square(deviations, dtype=np.float64).sum())
    return _Call(
        deviations, sum(nats) - k_nats, k_nats, float(ratio_nats), float(info.kl_nats), z2, p.loc.size,
        encode.wall_s, encode.cpu_s, decode.wall_s,
    )  # fmt: skip


@jax.jit
def _judge(z: jax.Array, q: DiagGaussian, p: DiagGaussian) -> tuple[jax.Array, jax.Array]:
    """(log q(z) / p(z), (z - mu) / rho)."""
    return log_ratio(z, q, p).sum(), (z - q.loc) / q.scale


def _means(measured: list[_Call]) -> dict[str, float | None]:
    names = (
        "kl_nats", "index_overhead", "k_overhead", "total_overhead", "total_overhead_error", "sent_bits",
        "overhead_bits", "ks_distance", "z2", "encode_s", "encode_cpu_s", "encode_s_per_nat", "decode_s",
    )  # fmt: skip
    if not measured:
        return dict.fromkeys(names)
    mean = _Call(None, *np.mean([m[1:] for m in measured], axis=0).tolist())
    excess = np.array([m.index_nats + m.k_nats - m.ratio_nats for m in measured])
    kl = np.array([m.kl_nats for m in measured])
    total = excess.mean() / mean.kl_nats
    spread = (excess - total * kl).std(ddof=1) if len(measured) > 1 else math.nan
    deviations = np.concatenate([m.deviations for m in measured])
    numbers = (
        mean.kl_nats,
        (mean.index_nats - mean.ratio_nats) / mean.kl_nats,
        mean.k_nats / mean.kl_nats,
        float(total),
        float(spread / np.sqrt(len(measured)) / mean.kl_nats) if len(measured) > 1 else None,
        float(nats_to_bits(mean.index_nats + mean.k_nats)),
        float(nats_to_bits(excess.mean())),
        float(stats.kstest(deviations, "norm").statistic) if deviations.size else None,
        mean.z2 / mean.n_dims,
        mean.encode_s,
        mean.encode_cpu_s if jax.default_backend() == "cpu" else None,
        mean.encode_s / mean.kl_nats,
        mean.decode_s,
    )
    return dict(zip(names, numbers, strict=True))

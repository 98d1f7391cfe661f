"""The tables of docs/CODERS.md: what every coder does on small targets and on those of whole layers, as measured here.

    python -m experiments.coder_table [--only=few,layers] [--n_calls=1000] [--n_targets=8] [--write]

few: the coders of a few nats on one-dimensional targets, n_calls each: bits, bias, time.  layers: beam search and the
tree coder on n_targets fresh targets of each family of targets.py: overhead, time, memory. --write puts the tables
between their markers in docs/CODERS.md; without it they are printed.
"""

import argparse
import platform
from pathlib import Path

import jax
import numpy as np
from scipy import stats

from experiments import measure_coder
from experiments.bench_coder import in_yardsticks
from experiments.coder_settings import LAYER_CODERS, Options
from experiments.targets import TARGETS as LAYER_TARGETS
from experiments.timing import median_s, timed_compile
from rec_jax.coders import make_coder
from rec_jax.core.files import write_bytes_atomic
from rec_jax.core.gaussian import DiagGaussian
from rec_jax.core.prng import child_key, coder_key

CODERS = {
    "index": {},
    "index, sampled": {"selection": "sampled"},
    "ordered": {},
    "poisson": {},
    "a_star": {},
    "a_star, split sample": {"split": "sample"},
    "a_star, max_depth 10": {"max_depth": 10},
    "greedy_rejection": {},
    "greedy_rejection, split dyadic": {"split": "dyadic"},
    "greedy_rejection, split sample": {"split": "sample"},
    "greedy_poisson": {},
    "greedy_poisson, split sample": {"split": "sample"},
    "dithered": {"target_scale": None},
}
TARGETS = {"wide": (0.3, 0.8), "sharp": (0.5, 0.01), "far": (2.4, 0.4)}  # (mu, rho) under p = N(0, 1)
MARKERS = {
    "few": ("<!-- coder_table -->", "<!-- /coder_table -->"),
    "layers": ("<!-- layer_table -->", "<!-- /layer_table -->"),
}
PAGE = Path(__file__).parent.parent / "docs" / "CODERS.md"


def measure(name: str, mu: float, rho: float, n_calls: int) -> dict[str, float]:
    """Mean bits and Kolmogorov-Smirnov distance over n_calls keys; seconds and working memory of a single call."""
    options = {k: rho if v is None else v for k, v in CODERS[name].items()}
    coder = make_coder(name.split(",")[0], **options)
    one = np.ones(1, np.float32)
    q, p = DiagGaussian(mu * one, rho * one), DiagGaussian(0.0 * one, one)
    keys = jax.vmap(child_key, (None, 0))(coder_key(0), np.arange(n_calls))
    codes, info = jax.device_get(jax.jit(jax.vmap(coder.encode, (0, None, None)))(keys, q, p))
    if info.overflow.any():
        raise RuntimeError(f"{name} overflows at ({mu}, {rho})")
    z = np.asarray(jax.jit(jax.vmap(coder.decode, (0, None, 0)))(keys, p, codes))[:, 0]
    rows = [jax.tree.map(lambda x, i=i: x[i], codes) for i in range(n_calls)]
    _, encode = timed_compile(coder.encode, keys[0], q, p)
    _, decode = timed_compile(coder.decode, keys[0], p, rows[0])
    seconds = [median_s(encode, key, q, p, n_calls=1) for key in keys[:20]]
    return {
        "bits": float(np.mean([coder.index_bits(row) for row in rows])),
        "kl_bits": float(info.kl_nats[0] / np.log(2.0)),
        "distance": float(stats.kstest((z - mu) / rho, "norm").statistic),
        "encode_us": 1e6 * float(np.mean(seconds)),
        "decode_us": 1e6 * median_s(decode, keys[0], p, rows[0], n_calls=20),
        "memory_kb": encode.memory_analysis().temp_size_in_bytes / 1024,
    }


def few_table(n_calls: int) -> str:
    """The coders of a few nats, in Markdown."""
    lines = [
        "| coder | " + " | ".join(f"{name}: bits, KS distance, encode" for name in TARGETS) + " | decode | memory |",
        "|---|" + "---|" * (len(TARGETS) + 2),
    ]
    for name in CODERS:
        rows = [measure(name, mu, rho, n_calls) for mu, rho in TARGETS.values()]
        cells = [f"{r['bits']:.1f}, {r['distance']:.3f}, {r['encode_us']:.0f} us" for r in rows]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {rows[0]['decode_us']:.0f} us | {rows[0]['memory_kb']:.0f} kB |"
        )
        print(lines[-1], flush=True)
    kl = ", ".join(f"{name} N({mu}, {rho}²) {_kl_bits(mu, rho):.1f}" for name, (mu, rho) in TARGETS.items())
    return "\n".join(
        [
            f"KL in bits under p = N(0, 1): {kl}. {n_calls} calls each: an exact coder's KS distance is below "
            f"{1.63 / np.sqrt(n_calls):.3f} with probability 99%. Times: one call, {jax.devices()[0].platform}, "
            f"{platform.machine()}, jax {jax.__version__}; mean of 20 calls to encode, median of 20 to decode.",
            "",
            *lines,
        ]
    )


def _kl_bits(mu: float, rho: float) -> float:
    return (-np.log(rho) + 0.5 * (rho**2 + mu**2 - 1.0)) / np.log(2.0)


def layer_table(n_targets: int) -> str:
    """The coders of whole layers, in Markdown."""
    lines = [
        "| coder | " + " | ".join(f"{name}: index + K = total; time" for name in LAYER_TARGETS) + " | memory |",
        "|---|" + "---|" * (len(LAYER_TARGETS) + 1),
    ]
    for name, options in LAYER_CODERS.items():
        rows = [_measure_layer(target, options, n_targets) for target in LAYER_TARGETS]
        memory_mb = max(row["memory_mb"] for row in rows if row)
        lines.append(f"| {name}: {_options(options)} | {' | '.join(map(_layer_cell, rows))} | {memory_mb:.0f} MB |")
        print(lines[-1], flush=True)
    return "\n".join(
        [
            f"Percent of KL over KL, ± one standard error, {n_targets} fresh targets each, K under a model learned on "
            "16 others; for `faint` the bits over KL instead. Times: encoding one target, in units of 10^7 float32 "
            "normals drawn by numpy beside it, by the wall's clock (CPU time over CPU time in brackets, where it is a "
            f"CPU). Memory: the largest of them, of the encoder. {jax.devices()[0].device_kind}, "
            f"{platform.machine()}, jax {jax.__version__}.",
            "",
            *lines,
        ]
    )


def _measure_layer(target: str, options: Options, n_targets: int) -> dict | None:
    """A row of measure_coder; None for one block of 49,152 dims, of 340 steps over all of them."""
    if target == "large" and options["kind"] == "beam_search" and options["block_size"] is None:
        return None
    unit = measure_coder.yardstick()
    row = measure_coder.measure(LAYER_TARGETS[target], make_coder(**options), n_targets)
    return row | in_yardsticks(row, unit)


def _layer_cell(row: dict | None) -> str:
    if row is None:
        return "not run"
    if row["failures"]:
        return f"{row['failures']} of {row['n_seeds']} targets overflow"
    cpu = row["encode_cpu_yardsticks"]
    time = f"{row['encode_yardsticks']:.2g}" + ("" if cpu is None else f" ({cpu:.2g})")
    if row["kl_nats"] < 10:
        return f"{row['overhead_bits']:.1f} bits; {time}"
    index, k, total, error = (100 * row[f"{name}_overhead{tail}"] for name, tail in
                              (("index", ""), ("k", ""), ("total", ""), ("total", "_error")))  # fmt: skip
    return f"{index:.1f} + {k:.1f} = {total:.1f}% ±{error:.1f}; {time}"


def _options(options: Options) -> str:
    return ", ".join(f"{name}={value}" for name, value in options.items() if name != "kind") or "no options"


def main() -> None:
    """Measures, and prints or writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(MARKERS), help="tables, joined by commas; default: %(default)s")
    parser.add_argument("--n_calls", type=int, default=1000)
    parser.add_argument("--n_targets", type=int, default=8)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    names = args.only.split(",")
    if unknown := sorted(set(names) - set(MARKERS)):
        parser.error(f"--only={unknown[0]}: have {', '.join(MARKERS)}")
    for name in names:
        text = few_table(args.n_calls) if name == "few" else layer_table(args.n_targets)
        if args.write:
            write_bytes_atomic(PAGE, between_markers(PAGE.read_text(encoding="utf-8"), name, text).encode())
        else:
            print(text)


def between_markers(page: str, name: str, text: str) -> str:
    """The page with this text as its table `name`."""
    start, end = MARKERS[name]
    head, rest = page.split(start)
    return f"{head}{start}\n{text}\n{end}{rest.split(end)[1]}"


if __name__ == "__main__":
    main()

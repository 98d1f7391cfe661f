"""The table of docs/CODERS.md: every coder on one-dimensional targets, bits, bias and time as measured here.

    python -m experiments.coder_table [--n_calls=1000] [--write]

--write puts the table between the markers of docs/CODERS.md; without it the table is printed.
"""

import argparse
import platform
from pathlib import Path

import jax
import numpy as np
from scipy import stats

from experiments.timing import median_s, timed_compile
from rec_jax.coders import make_coder
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
    "greedy_poisson": {},
    "greedy_poisson, split sample": {"split": "sample"},
    "dithered": {"target_scale": None},
}
TARGETS = {"wide": (0.3, 0.8), "sharp": (0.5, 0.01), "far": (2.4, 0.4)}  # (mu, rho) under p = N(0, 1)
MARKERS = "<!-- coder_table -->", "<!-- /coder_table -->"
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


def table(n_calls: int) -> str:
    """The table in Markdown."""
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


def main() -> None:
    """Measures, and prints or writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n_calls", type=int, default=1000)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    text = table(args.n_calls)
    if not args.write:
        print(text)
        return
    page = PAGE.read_text()
    head, rest = page.split(MARKERS[0])
    PAGE.write_text(f"{head}{MARKERS[0]}\n{text}\n{MARKERS[1]}{rest.split(MARKERS[1])[1]}")


if __name__ == "__main__":
    main()

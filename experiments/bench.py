"""Speed and bits of the coders, the codec, the network and the command, on this machine.

make bench       # python -m experiments.bench [--only coder,codec,sizes,network,command] [--quick] [--model NAME|PATH]

Prints as it goes and writes runs/bench/bench.json, after every part. Timings are after compilation unless they say
otherwise; the persistent compilation cache is off, but for the part `command`, which measures it.
"""

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from rec_jax.core.errors import RecError
from rec_jax.core.files import write_bytes_atomic
from rec_jax.version import __version__

PARTS = ("coder", "codec", "sizes", "network", "command")


def main(argv: list[str] | None = None) -> int:
    """Runs the chosen parts; exit code 1 if one of them failed, the others are run all the same."""
    arguments = _parse(argv)
    path = arguments.out / "bench.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"machine": describe_machine(), "quick": arguments.quick, "parts": {}}
    failed = False
    for part in arguments.only:
        print(f"[{part}]", flush=True)
        start_s = time.perf_counter()
        try:
            measured = _run(part, arguments.model, arguments.quick, lambda line: print("  " + line, flush=True))
        except (RecError, RuntimeError, OSError) as error:
            print(f"bench: {part}: {error}", file=sys.stderr)
            measured, failed = {"error": str(error)}, True
        result["parts"][part] = measured | {"elapsed_s": time.perf_counter() - start_s}
        write_bytes_atomic(path, json.dumps(result, indent=1).encode())
    print(f"written: {path}")
    return int(failed)


def describe_machine() -> dict[str, Any]:
    """What the numbers depend on: device, cores, load, versions."""
    return {
        "device": jax.devices()[0].device_kind,
        "platform": jax.default_backend(),
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "jax": jax.__version__,
        "rec_jax": __version__,
    }


def _run(part: str, model: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    match part:
        case "coder":
            from experiments.bench_coder import bench_coder

            return bench_coder(quick, say)
        case "codec":
            from experiments.bench_codec import bench_codec

            return bench_codec(model, quick, say)
        case "sizes":
            from experiments.bench_sizes import bench_sizes

            return bench_sizes(model, quick, say)
        case "network":
            from experiments.bench_network import bench_network

            return bench_network(model, quick, say)
        case "command":
            from experiments.bench_command import bench_command

            return bench_command(model, quick, say)
        case _:
            raise ValueError(part)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure coders, codec, network and command on this machine.")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, joined by commas; default: %(default)s")
    parser.add_argument("--quick", action="store_true", help="smallest sizes, seconds in all: does it run?")
    parser.add_argument("--model", default="cifar10-small", help="name of a shipped model, or path")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    arguments = parser.parse_args(argv)
    arguments.only = arguments.only.split(",")
    if unknown := sorted(set(arguments.only) - set(PARTS)):
        parser.error(f"--only={unknown[0]}: have {', '.join(PARTS)}")
    return arguments


if __name__ == "__main__":
    jax.config.update("jax_enable_compilation_cache", False)
    sys.exit(main())

"""Bits, speed and sample quality of every coder on the targets of experiments/targets.py, without any network."""

from collections.abc import Callable
from typing import Any

from experiments.coder_settings import LAYER_CODERS, TREE, Options, few_nats_coders
from experiments.measure_coder import measure, yardstick
from experiments.progress import table
from experiments.targets import FEW_DIMS, ONE_DIM, TARGETS, TargetFamily
from rec_jax.coders import make_coder

LAYER_CASES = [
    *(("small", setting) for setting in LAYER_CODERS),
    *((target, setting) for target in ("large", "dense", "faint") for setting in ("iREC lossless", *TREE)),
]
FEW_NATS = {"one_dim_3": ONE_DIM["one_dim_3"], **FEW_DIMS}
QUICK_CASES = [("faint", "iREC lossless", LAYER_CODERS["iREC lossless"])]
_SEEDS, _BUDGET_S = 12, 4.0  # per case of a whole layer: so many targets, fewer once the time is up
_FEW_SEEDS, _FEW_BUDGET_S = 500, 4.0


def cases(quick: bool) -> list[tuple[str, str, Options]]:
    """(target, name of the setting, options of make_coder) of everything that is measured."""
    if quick:
        family = FEW_NATS["one_dim_3"]
        return [*QUICK_CASES, ("one_dim_3", "poisson", few_nats_coders(family)["poisson"])]
    layers = [(target, setting, LAYER_CODERS[setting]) for target, setting in LAYER_CASES]
    few = [(target, *item) for target, family in FEW_NATS.items() for item in few_nats_coders(family).items()]
    faint = few_nats_coders(TARGETS["faint"])
    return [*layers, *(("faint", name, faint[name]) for name in ("index", "ordered")), *few]


def bench_coder(quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """One row per target and setting; times also in units of the yardstick, measured beside each."""
    rows = []
    for target, setting, options in cases(quick):
        rows.append({"target": target, "setting": setting, **_measure(TARGETS | FEW_NATS, target, options, quick)})
        say(f"{target}, {setting}: done")
    say("over KL, in percent of KL: indices alone, K under a learned model, both; z2 of an exact sample is 1")
    say("1 yardstick: numpy draws 10^7 float32 normals; CPU: seconds of all cores, in yardsticks of the same kind")
    for line in table([_cells(row) for row in rows]).splitlines():
        say(line)
    return {"rows": rows}


def _measure(targets: dict[str, TargetFamily], name: str, options: Options, quick: bool) -> dict[str, Any]:
    unit = yardstick()
    family, coder = targets[name], make_coder(**options)
    if quick:
        row = measure(family, coder, n_seeds=2, budget_s=1.0, n_learned_from=0)
    elif name in FEW_NATS:
        row = measure(family, coder, _FEW_SEEDS, _FEW_BUDGET_S)
    else:
        row = measure(family, coder, _SEEDS, _BUDGET_S)
    return row | in_yardsticks(row, unit)


def in_yardsticks(row: dict[str, Any], unit) -> dict[str, float | None]:
    """The times of a row of `measure` over those of the yardstick, wall by wall and CPU by CPU."""
    wall, cpu = row["encode_s"], row["encode_cpu_s"]
    return {
        "normals_1e7_s": unit.wall_s,
        "normals_1e7_cpu_s": unit.cpu_s,
        "encode_yardsticks": None if wall is None else wall / unit.wall_s,
        "encode_cpu_yardsticks": None if cpu is None else cpu / unit.cpu_s,
    }


def _cells(row: dict[str, Any]) -> dict[str, str]:
    def cell(name: str, form: str, factor: float = 1.0) -> str:
        return "not run" if row[name] is None else format(factor * row[name], form)

    return {
        "target": f"{row['target']}, {row['setting']}",
        "KL": cell("kl_nats", ".4g"),
        "encode s": cell("encode_s", ".3g"),
        "ms/nat": cell("encode_s_per_nat", ".3g", 1e3),
        "yardsticks": cell("encode_yardsticks", ".3g"),
        "CPU": cell("encode_cpu_yardsticks", ".3g"),
        "decode s": cell("decode_s", ".2g"),
        "compile s": cell("compile_s", ".1f"),
        "MB": cell("memory_mb", ".1f"),
        "index": cell("index_overhead", ".1f", 100.0),
        "K": cell("k_overhead", ".1f", 100.0),
        "total": cell("total_overhead", ".1f", 100.0),
        "+-": cell("total_overhead_error", ".1f", 100.0),
        "z2": cell("z2", ".3f"),
        "targets": str(row["n_seeds"]),
        "failed": str(row["failures"]),
    }

"""The plots of a sweep, from its rows alone."""

from collections.abc import Iterable
from pathlib import Path

import matplotlib
import numpy as np

from experiments.cases import Row
from rec_jax.core.files import open_atomic
from rec_jax.core.units import nats_to_bits

matplotlib.use("Agg")  # draws to files, also where there is no screen

from matplotlib import pyplot as plt

_COLOURS = {
    "beam_search": "#3d6fb6",
    "tree": "#d1495b",
    "index": "#8a8f98",
    "ordered": "#5f9e6e",
    "poisson": "#c08a2e",
    "a_star": "#7b5ea7",
    "greedy_rejection": "#4aa3a2",
    "greedy_poisson": "#b5658f",
    "dithered": "#7c6a4f",
}
_NAMES = {"beam_search": "iREC (beam_search)"}
_INK, _FAINT = "#22262e", "#6b7280"
_STYLE = {
    "font.family": "DejaVu Sans", "font.size": 8, "text.color": _INK, "axes.labelcolor": _INK, "axes.titlesize": 9,
    "axes.titleweight": "bold", "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": _FAINT,
    "xtick.color": _FAINT, "ytick.color": _FAINT, "legend.frameon": False, "legend.fontsize": 7.5,
}  # fmt: skip
_KNOWN_CONSTANT_BITS = 5.0  # of the best known bound, KL + log2(KL + 1) + about 5 bits
_FEW_SHOWN = "one_dim_3"  # of the targets of one dim, the one that stands for them


def draw_time(rows: list[Row], path: Path) -> bool:
    """Overhead in percent of KL against time in yardsticks, a panel per target; False if there is nothing to draw."""
    rows = [row for row in rows if row["total_overhead"] is not None and row["group"] != "kl"]
    targets = [t for t in dict.fromkeys(row["target"] for row in rows) if not _is_few(t) or t == _FEW_SHOWN]
    if not targets:
        return False
    n_columns = min(3, len(targets))
    n_rows = -(-len(targets) // n_columns)
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(n_rows, n_columns, figsize=(4.2 * n_columns, 3.3 * n_rows), squeeze=False)
        for panel, target in zip(axes.flat, targets, strict=False):
            _draw_time_panel(panel, target, [row for row in rows if row["target"] == target])
        for panel in axes.flat[len(targets) :]:
            panel.set_visible(False)
        _legend(figure, {row["kind"] for row in rows if row["target"] in targets})
        _save(figure, path)
    return True


def _draw_time_panel(panel, target: str, rows: list[Row]) -> None:
    for row in rows:
        x, y = row["encode_yardsticks"], 100 * row["total_overhead"]
        panel.plot(x, y, "o", color=_COLOURS[row["kind"]], markersize=4, alpha=0.8, markeredgewidth=0)
    front = pareto_front(rows)
    x = [row["encode_yardsticks"] for row in front]
    y = [100 * row["total_overhead"] for row in front]
    panel.plot(x, y, color=_INK, linewidth=0.8, drawstyle="steps-post", zorder=0)
    for row in front:
        position = row["encode_yardsticks"], 100 * row["total_overhead"]
        panel.annotate(row["setting"], position, (3, 3), textcoords="offset points", fontsize=6, color=_INK)
    times, percents = [row["encode_yardsticks"] for row in rows], [_percent(row) for row in rows]
    panel.set(xscale="log", title=f"{target}, {rows[0]['kl_nats']:.4g} nats")
    panel.set(xlim=(min(times) / 3, 5 * max(times)))  # a decade at least, and room for names
    panel.xaxis.set_minor_formatter(matplotlib.ticker.NullFormatter())
    panel.set_yscale("symlog", linthresh=5, linscale=0.4)  # exact coders may be below 0 by chance
    panel.set_ylim(1.2 * min(0, *percents), 1.3 * max(10, *percents))
    ticks = [tick for tick in (0, 5, 10, 20, 50, 100, 200, 500, 1000) if tick <= 1.3 * max(10, *percents)]
    panel.set_yticks(ticks, [f"{tick}" for tick in ticks])
    panel.yaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    panel.grid(axis="y", color=_FAINT, alpha=0.15)
    panel.set(xlabel="encoding, yardsticks (10^7 normals of numpy)", ylabel="total overhead, % of KL")


def pareto_front(rows: Iterable[Row]) -> list[Row]:
    """Rows that no other row beats in both time and total overhead, fastest first."""
    front: list[Row] = []
    for row in sorted(rows, key=lambda row: (row["encode_yardsticks"], row["total_overhead"])):
        if not front or row["total_overhead"] < front[-1]["total_overhead"]:
            front.append(row)
    return front


def draw_kl(rows: list[Row], path: Path) -> bool:
    """Overhead in bits and in percent of KL against KL, with the bounds; False if there is nothing to draw."""
    rows = [
        row for row in rows if row["total_overhead"] is not None and (row["group"] == "kl" or _is_few(row["target"]))
    ]
    if not rows:
        return False
    with plt.rc_context(_STYLE):
        figure, (in_bits, in_percent) = plt.subplots(1, 2, figsize=(11, 4.6))
        styles = dict(zip(dict.fromkeys(_series(row) for row in rows), _line_styles(rows), strict=True))
        for series, (colour, line) in styles.items():
            own = sorted((row for row in rows if _series(row) == series), key=lambda row: row["kl_nats"])
            kl_bits = [nats_to_bits(row["kl_nats"]) for row in own]
            options = dict(color=colour, linestyle=line, marker="o", markersize=3, linewidth=1, label=series[1])
            in_bits.plot(kl_bits, [row["overhead_bits"] for row in own], **options)
            in_percent.plot(kl_bits, [_percent(row) for row in own], **options)
        _draw_bounds(in_bits, in_percent, [nats_to_bits(row["kl_nats"]) for row in rows])
        in_bits.set(xscale="log", xlabel="KL, bits", ylabel="sent over log2 q(z)/p(z), bits")
        in_bits.set_yscale("symlog", linthresh=1, linscale=0.3)
        in_bits.set_ylim(bottom=min(-0.2, *(1.2 * row["overhead_bits"] for row in rows)))
        in_percent.set(xscale="log", yscale="log", xlabel="KL, bits", ylabel="total overhead, % of KL")
        handles, labels = in_bits.get_legend_handles_labels()
        in_percent.legend(handles, labels, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        _save(figure, path)
    return True


def _draw_bounds(in_bits, in_percent, kl_bits: list[float]) -> None:
    """The floor KL, and KL + log2(KL + 1) without and with the constant of the best known bound."""
    kl = np.geomspace(min(kl_bits), max(kl_bits), 200)
    for constant, line in ((0.0, ":"), (_KNOWN_CONSTANT_BITS, "--")):
        over = np.log2(kl + 1.0) + constant
        label = "KL + log2(KL + 1)" + (f" + {constant:g} bits" if constant else "")
        in_bits.plot(kl, over, line, color=_INK, linewidth=1.2, label=label)
        in_percent.plot(kl, 100 * over / kl, line, color=_INK, linewidth=1.2)
    in_bits.axhline(0.0, color=_INK, linewidth=1.2, label="KL, the floor")


def draw_grid(rows: list[Row], path: Path) -> bool:
    """The authors' grid: total overhead and time against Omega, a line per epsilon, a column per B."""
    rows = [row for row in rows if row["group"] == "grid" and row["total_overhead"] is not None]
    if not rows:
        return False
    beams = sorted({row["options"]["n_beams"] for row in rows})
    epsilons = sorted({row["options"]["epsilon"] for row in rows})
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(2, len(beams), figsize=(3.4 * len(beams), 5.4), squeeze=False, sharex=True)
        for column, n_beams in enumerate(beams):
            for epsilon, shade in zip(epsilons, np.linspace(0.35, 1.0, len(epsilons)), strict=True):
                own = [r for r in rows if (r["options"]["n_beams"], r["options"]["epsilon"]) == (n_beams, epsilon)]
                own.sort(key=lambda row: row["options"]["omega"])
                omega = [row["options"]["omega"] for row in own]
                options = dict(marker="o", markersize=3, color=_COLOURS["beam_search"], alpha=shade)
                axes[0, column].plot(omega, [_percent(row) for row in own], label=f"1 + ε = {1 + epsilon:g}", **options)
                axes[1, column].plot(omega, [row["encode_yardsticks"] for row in own], **options)
            axes[0, column].set_title(f"{rows[0]['target']}, B = {n_beams}")
            axes[1, column].set(yscale="log", xlabel="Ω, nats a step")
        axes[0, 0].set_ylabel("total overhead, % of KL")
        axes[1, 0].set_ylabel("encoding, yardsticks")
        axes[0, 0].legend()
        _save(figure, path)
    return True


def _percent(row: Row) -> float:
    return 100 * row["total_overhead"]


def _is_few(target: str) -> bool:
    return target.startswith(("one_dim", "three_dims"))


def _series(row: Row) -> tuple[str, str]:
    """What one line is of: the coder, and whether its targets are of one dim, three, or many of equal KL."""
    shape = "one dim" if row["target"].startswith("one_dim") else "three dims" if _is_few(row["target"]) else "even"
    return row["kind"], f"{row['setting']} ({shape})"


def _line_styles(rows: list[Row]) -> list[tuple[str, str]]:
    """(colour of the kind, a line style that differs within the kind) per series."""
    used: dict[str, int] = {}
    styles = []
    for kind, _ in dict.fromkeys(_series(row) for row in rows):
        styles.append((_COLOURS[kind], ("-", "--", "-.", ":")[used.get(kind, 0) % 4]))
        used[kind] = used.get(kind, 0) + 1
    return styles


def _legend(figure, kinds: set[str]) -> None:
    marks = [plt.Line2D([], [], marker="o", linestyle="", color=_COLOURS[kind]) for kind in _COLOURS if kind in kinds]
    names = [_NAMES.get(kind, kind) for kind in _COLOURS if kind in kinds]
    front = plt.Line2D([], [], color=_INK, linewidth=0.8)
    figure.legend([*marks, front], [*names, "Pareto front"], loc="upper center", ncols=6, bbox_to_anchor=(0.5, 0.0))


def _save(figure, path: Path) -> None:
    figure.tight_layout()
    with open_atomic(path) as out:
        figure.savefig(out, format="png", dpi=150, bbox_inches="tight", facecolor="white")
    plt.close(figure)

"""The figure in numbers, as Markdown: qualities and times at a few rates, BD-rates, where each curve comes from."""

from collections.abc import Iterator
from typing import Any

from experiments.figure3.at_rates import quality_at, seconds_near
from experiments.figure3.comparisons import words
from experiments.table1.markdown import plain_table
from rec_jax.core.estimates import Estimate

_RATES_BPP = (0.25, 0.5, 1.0)
_TIMED_BPP = 0.5

Lines = list[list[str]]  # of words; the first is the heading


def summary_table(figure: dict[str, Any]) -> str:
    """quality_lines."""
    return plain_table(quality_lines(figure))


def quality_lines(figure: dict[str, Any]) -> Lines:
    """PSNR and MS-SSIM in dB at a few rates, and seconds near 0.5 bpp; with one standard error over pictures."""
    head = [f"{rate:g} bpp: {short}" for rate in _RATES_BPP for short in ("PSNR", "MS-SSIM")]
    return [["dB", "n", *head, "encode, s", "decode, s"], *(_quality_line(curve) for curve in figure["curves"])]


def _quality_line(curve: dict[str, Any]) -> list[str]:
    n, wanted = curve["n_pictures"], curve["n_pictures_wanted"]
    qualities = [quality_at(curve, metric, rate) for rate in _RATES_BPP for metric in ("psnr_db", "ms_ssim_db")]
    seconds = [seconds_near(curve, name, _TIMED_BPP) for name in ("encode_s", "decode_s")]
    numbers = [*(_text(estimate, 2) for estimate in qualities), *(_text(estimate, 3) for estimate in seconds)]
    return [curve["title"], str(n) if n == wanted else f"partial: {n} of {wanted}", *numbers]


def _text(estimate: Estimate | None, decimals: int) -> str:
    return "–" if estimate is None else estimate.text(decimals)


def source_lines(figure: dict[str, Any]) -> Lines:
    """The origin of every curve."""
    lines = [["curve", "made by", "settings", "command", "git", "device", "date (UTC)"]]
    for curve in figure["curves"]:
        settings = f"{curve['setting_name']} {', '.join(f'{setting:g}' for setting in curve['settings'])}"
        origin = [f"`{curve['command']}`", ", ".join(curve["git"]), ", ".join(curve["device"])]
        lines.append([curve["title"], curve["made_by"], settings, *origin, " to ".join(curve["date"])])
    for curve in figure["published"]:
        source = curve["source"]
        where = f"github.com/{source['repo']}, commit {source['commit'][:10]}, {', '.join(source['paths'])}"
        lines.append([f"{curve['title']}, published", where, *5 * ["–"]])
    return lines


def readme_section(figure: dict[str, Any], against: bool) -> str:
    """For the README: the numbers and the command; against: with ours against its ideal points and every other."""
    return "\n\n".join(_readme_parts(figure, against))


def _readme_parts(figure: dict[str, Any], against: bool) -> Iterator[str]:
    note = f" (**{figure['stand_in']}**)" if figure["stand_in"] else ""
    n = len(figure["pictures"])
    yield f"{figure['data']}{note}, real files: means over {n} pictures at a constant setting, ± one standard error:"
    yield summary_table(figure)
    lines = _against_lines(figure)
    if against and len(lines) > 1:
        yield (
            "BD-rate (pchip): by how much files of the first are larger than those of the second, at equal quality; in "
            "brackets, at the quality of the common range where they compare worst:"
        )
        yield plain_table(lines)
    if figure["not_run"]:
        yield "\n".join(f"- {method}: not run: {reason}" for method, reason in figure["not_run"].items())
    yield f"    {figure['command']}"


def _against_lines(figure: dict[str, Any]) -> Lines:
    """Ours, its ideal points first, against all that is not of models for another metric alone; a column a metric."""
    titles, metrics = _titles(figure), list(figure["metrics"])
    ours = {curve["id"] for curve in figure["curves"] if curve["ours"] and curve["kind"] == "coded"}
    found: dict[tuple[str, str], dict[str, str]] = {}
    for rate in [*figure["coder_losses"], *figure["bd_rates"]]:
        if rate["tested"] in ours:
            pair = found.setdefault((rate["tested"], rate["anchor"]), {})
            pair[rate["metric"]] = words(rate["pchip"]) + _worst(rate["pchip"])
    head = [figure["metrics"][metric].partition(" ")[0] for metric in metrics]
    lines = [["files of", "against", *(f"at equal {name}" for name in head)]]
    for (tested, anchor), said in found.items():
        if metrics[0] in said:
            lines.append([titles[tested], titles[anchor], *(said.get(metric, "–") for metric in metrics)])
    return lines


def _worst(entry: dict[str, Any]) -> str:
    return f" ({entry['most_percent']:+.0f})" if "most_percent" in entry else ""


def _titles(figure: dict[str, Any]) -> dict[str, str]:
    titles = {curve["id"]: curve["title"] for curve in figure["curves"]}
    return titles | {curve["id"]: f"{curve['title']}, published" for curve in figure["published"]}

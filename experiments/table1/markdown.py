"""The table as Markdown: measured numbers bold, published ones in italics, stand-ins marked."""

from collections.abc import Iterator
from typing import Any

from experiments.table1.checks import subject

STAND_IN_MARK = "ˢ"
_LEGEND = (
    "**Bold**: measured here. *Italics*: published. Brackets: the rate over a long chain of images, not a single one."
)


def to_markdown(table: dict[str, Any]) -> str:
    """table1.md."""
    parts = [f"# {table['table']}", main_table(table), legend(table)]
    if table["coder_losses"]:
        parts += ["## What our coders lose", loss_table(table)]
    if table["checks"]:
        parts += ["## Checks", check_table(table)]
    parts += ["## Where each measured number comes from", "\n".join(_sources(table))]
    if missing := list(_not_run(table)):
        parts += ["## Not run", "\n".join(missing)]
    return "\n\n".join(parts) + "\n"


def main_table(table: dict[str, Any]) -> str:
    """Rows and columns of the paper, and per column measured and published numbers apart."""
    columns = table["columns"]
    head = ["bits/dim"]
    for column in columns.values():
        head += [_measured_title(column), f"{column['title']}, published"]
    lines = [_line(head), _line(["---"] + 2 * len(columns) * ["---:"])]
    for row in table["rows"]:
        words = [row["title"]]
        for column in columns:
            cell = row["cells"][column]
            words += [measured_words(cell), published_words(cell)]
        lines.append(_line(words))
    return "\n".join(lines)


def measured_words(cell: dict[str, Any]) -> str:
    """Every measured number of a cell with what must stand beside it, or 'not run'."""
    if not cell["measured"]:
        return "not run"
    several = len(cell["measured"]) > 1
    return "<br>".join(_measured_number(measured, several) for measured in cell["measured"])


def _measured_number(measured: dict[str, Any], several: bool) -> str:
    notes = [f"{measured['crop']}x{measured['crop']} crops"] if measured["crop"] else []
    notes += [measured["model"]] if several else []
    if measured["n_images"] < measured["n_images_wanted"]:
        notes.append(f"partial: {measured['n_images']} of {measured['n_images_wanted']}")
    mark = STAND_IN_MARK if measured["stand_in"] else ""
    return " ".join([f"**{rate_words(measured['bpd'])}**{mark}", *([f"({', '.join(notes)})"] if notes else [])])


def published_words(cell: dict[str, Any]) -> str:
    """The paper's number, or '–' where it has none."""
    return f"*{rate_words(cell['published'])}*" if cell["published"] else "–"


def rate_words(bpd: dict[str, float]) -> str:
    """'24.51 (3.56)': the single image's rate, or the bound, and the asymptotic rate where there is one."""
    first = f"{bpd.get('single', bpd.get('bound')):.2f}"
    return f"{first} ({bpd['asymptotic']:.2f})" if "asymptotic" in bpd else first


def legend(table: dict[str, Any]) -> str:
    """What the marks mean, which columns are stand-ins, and where the published numbers are from."""
    lines = [_LEGEND]
    for column in table["columns"].values():
        if column["stand_in"]:
            data = ", ".join(column["data"])
            warning = "not to be compared with the published column beside it"
            lines.append(f"{STAND_IN_MARK} {data}: **{column['stand_in']}**; {warning}.")
    lines.append(f"Published: {table['published_source']}.")
    return "\n\n".join(lines)


def loss_table(table: dict[str, Any]) -> str:
    """Coder loss and files over the ELBO, per coder, data and model."""
    head = ["coder", "images", "n", "ELBO", "KL", "file", "coder loss", "over the ELBO", "the paper's iREC", "stored"]
    titles = {row["id"]: row["title"] for row in table["rows"]}
    lines = [_line(head), _line(["---", "---"] + 8 * ["---:"])]
    for loss in table["coder_losses"]:
        name = subject(*(loss[field] for field in ("column", "stand_in", "data", "model", "crop")))
        rates = [f"{loss['bpd'][rate]:.3f}" for rate in ("elbo", "kl", "file")]
        value = "–" if loss["coder_loss"] is None else f"**{100 * loss['coder_loss']:.1f}%** of KL"
        published = f"*{100 * loss['published_over_elbo']:+.1f}%*"
        over = f"**{100 * loss['over_elbo']:+.1f}%**"
        words = [titles[loss["row"]], name, str(loss["n_images"]), *rates, value, over, published]
        lines.append(_line([*words, str(loss["n_stored"])]))
    return "\n".join(lines)


def check_table(table: dict[str, Any]) -> str:
    """What was required and what came out."""
    lines = [_line(["check", "measured", "required", "holds"]), _line(4 * ["---"])]
    verdict = {True: "yes", False: "**no**", None: "–"}
    for check in table["checks"]:
        lines.append(_line([check["what"], check["measured"], check["required"], verdict[check["holds"]]]))
    return "\n".join(lines)


def _sources(table: dict[str, Any]) -> Iterator[str]:
    yield _line(["number", "images", "made by", "command", "git", "device", "date (UTC)"])
    yield _line(7 * ["---"])
    for row in table["rows"]:
        for column, cell in row["cells"].items():
            for m in cell["measured"]:
                name = subject(column, m["stand_in"], m["data"], m["model"], m["crop"])
                command = f"`{m['command']}`"
                words = [f"{row['title']}; {name}: {rate_words(m['bpd'])}", f"first {m['n_images']}", m["made_by"]]
                yield _line([*words, command, ", ".join(m["git"]), ", ".join(m["device"]), " to ".join(m["date"])])


def _not_run(table: dict[str, Any]) -> Iterator[str]:
    for row in table["rows"]:
        for column, cell in row["cells"].items():
            if not cell["measured"] or cell["not_run"].startswith("failed"):
                yield f"- {row['title']}, {table['columns'][column]['title']}: {cell['not_run']}"


def _measured_title(column: dict[str, Any]) -> str:
    if column["stand_in"]:
        return f"{', '.join(column['data'])}{STAND_IN_MARK} ({column['stand_in']}), measured"
    return f"{column['title']}, measured"


def _line(words: list[str]) -> str:
    return "| " + " | ".join(words) + " |"

"""The table as Markdown: measured numbers bold, published ones in italics, stand-ins marked."""

from collections.abc import Iterator
from typing import Any

from experiments.table1.checks import subject
from experiments.table1.coder_losses import CHAINS
from experiments.table1.trainings import training_lines
from rec_jax.core.estimates import Estimate

STAND_IN_MARK = "ˢ"
_LEGEND = (
    "**Bold**: measured here, over the first n images, ± one standard error. *Italics*: published. Brackets beside a "
    "rate: over a long chain of images, not a single one."
)

TILES_NOTE = (
    "Our files code a picture in tiles, a fixed number of them at a time, so that memory does not grow with the "
    "picture; 'made by' says how many. HiLLoC has an image, or its crop, in memory at once."
)


def to_markdown(table: dict[str, Any]) -> str:
    """table1.md."""
    parts = [f"# {table['table']}", main_table(table), legend(table)]
    if table["trainings"]:
        parts += ["## How long the models learned", plain_table(training_lines(table))]
    if table["coder_losses"]:
        parts += ["## What our coders lose", plain_table(loss_lines(table)), TILES_NOTE]
    if table["bits_back"]:
        parts += ["## Bits-back in detail", plain_table(bits_back_lines(table))]
    if table["checks"]:
        parts += ["## Checks", plain_table(check_lines(table))]
    parts += ["## Where each measured number comes from", plain_table(source_lines(table))]
    if missing := list(_not_run(table)):
        parts += ["## Not run", "\n".join(missing)]
    return "\n\n".join(parts) + "\n"


def main_table(table: dict[str, Any]) -> str:
    """main_lines as Markdown, numbers to the right."""
    head, *lines = main_lines(table)
    return "\n".join([_line(head), _line(["---"] + (len(head) - 1) * ["---:"]), *map(_line, lines)])


def main_lines(table: dict[str, Any]) -> list[list[str]]:
    """Rows and columns of the paper, and per column measured and published numbers apart; the first is the heading."""
    columns = table["columns"]
    head = ["bits/dim"]
    for column in columns.values():
        head += [_measured_title(column), f"{column['title']}, published"]
    cells = [(row["title"], [row["cells"][column] for column in columns]) for row in table["rows"]]
    return [head, *([title, *(f(c) for c in mine for f in (measured_words, published_words))] for title, mine in cells)]


def measured_words(cell: dict[str, Any]) -> str:
    """Every measured number of a cell, marked if it is of a stand-in, with what must stand beside it; or 'not run'."""
    numbers = []
    for m in cell["measured"]:
        rate = rate_words(m["bpd"], m["bpd_error"])
        numbers.append(f"**{rate}{STAND_IN_MARK * bool(m['stand_in'])}** ({', '.join(_number_notes(m))})")
    return "<br>".join(numbers) or "not run"


def _number_notes(measured: dict[str, Any]) -> list[str]:
    """Model, crops, how many images."""
    n_images, wanted = measured["n_images"], measured["n_images_wanted"]
    same = measured["of_learned_images"]
    return [
        *([measured["model"]] if measured["model"] else []),
        *([f"{measured['crop']}x{measured['crop']} crops"] if measured["crop"] else []),
        f"n={n_images:,}" if n_images == wanted else f"partial: n={n_images:,} of {wanted:,}",
        *([f"{rate_words(same['bpd'], same['bpd_error'])} on the first {same['n_images']}"] if same else []),
    ]


def published_words(cell: dict[str, Any]) -> str:
    """The paper's number, or '–' where it has none."""
    return f"*{rate_words(cell['published'])}*" if cell["published"] else "–"


def rate_words(bpd: dict[str, float], errors: dict[str, float | None] | None = None) -> str:
    """'24.51 ± 0.02 (3.56 ± 0.01)': the single image's rate, or the bound, and the asymptotic one where there is one.

    errors: standard errors; a published rate, and one of a single image, has none.
    """

    def words(name: str) -> str:
        error = errors and errors[name]
        return f"{bpd[name]:.2f}" if error is None else f"{bpd[name]:.2f} ± {error:.2f}"

    first = words("single" if "single" in bpd else "bound")
    return f"{first} ({words('asymptotic')})" if "asymptotic" in bpd else first


def legend(table: dict[str, Any]) -> str:
    """What the marks mean, which columns are stand-ins, and where the published numbers are from."""
    lines = [_LEGEND, data_words(table)]
    for column in table["columns"].values():
        if column["stand_in"]:
            data = ", ".join(column["data"])
            warning = "not to be compared with the published column beside it"
            lines.append(f"{STAND_IN_MARK} {data}: **{column['stand_in']}**; {warning}.")
    lines.append(f"Published: {table['published_source']}.")
    return "\n\n".join(lines)


def data_words(table: dict[str, Any]) -> str:
    """Which images each measured column is of, and what is missing of them."""
    known = {column["title"]: ", ".join(column["data"]) for column in table["columns"].values() if column["data"]}
    words = "; ".join(f"{title}: {data}" for title, data in known.items())
    return f"Measured on {words}." if known else "Nothing is measured yet."


def loss_lines(table: dict[str, Any]) -> list[list[str]]:
    """Coder loss and files over the ELBO, ± one standard error, per coder, data and model.

    Here and below the first line is the heading.
    """
    titles = {row["id"]: row["title"] for row in table["rows"]}
    head = ["coder", "images", "n", "ELBO", "KL", "file", "over the ELBO", "the paper's iREC", "stored"]
    lines = [[*head, "coder loss, of those not stored"]]
    for loss in table["coder_losses"]:
        rates = [Estimate(loss["bpd"][rate], loss["bpd_error"][rate]).text(3) for rate in ("elbo", "kl", "file")]
        value = "–"
        if loss["coder_loss"] is not None:
            value = f"{Estimate(loss['coder_loss'], loss['coder_loss_error']).text(1, 100)} % of KL"
        measured = Estimate(loss["over_elbo"], loss["over_elbo_error"]).text(1, 100)
        over = [f"{measured} %", f"{100 * loss['published_over_elbo']:+.1f}% (published)"]
        words = [titles[loss["row"]], named(loss), str(loss["n_images"]), *rates, *over]
        lines.append([*words, str(loss["n_stored"]), value])
    return lines


def bits_back_lines(table: dict[str, Any]) -> list[list[str]]:
    """Costs of bits-back coding per start, bits/dim."""
    head = ["method", "images", "n", "ELBO", "chain, net", "images a chain", "one image, random start"]
    head += ["of it the start", "one image, start of JPEG XL files", "files it takes", "more than those files"]
    lines = [[*head, "per image in the message"]]
    for entry in table["bits_back"]:
        rates = {name: _rate(bpd, entry["bpd_error"].get(name)) for name, bpd in entry["bpd"].items()}
        words = [CHAINS[entry["row"]], named(entry), str(entry["n_images"]), rates["elbo"], rates["net"]]
        words += [str(entry["chain_images"]), rates["single_random"], rates["initial"], rates["single_jxl"]]
        lines.append([*words, _rate(entry["n_jxl"], None), rates["on_jxl"], rates["collection"]])
    return lines


def check_lines(table: dict[str, Any]) -> list[list[str]]:
    """What was required and what came out."""
    verdict = {True: "yes", False: "no", None: "–"}
    lines = [
        [check["what"], check["measured"], check["required"], verdict[check["holds"]]] for check in table["checks"]
    ]
    return [["check", "measured", "required", "holds"], *lines]


def source_lines(table: dict[str, Any]) -> list[list[str]]:
    """The origin of every measured number."""
    lines = [["number", "images", "made by", "command", "git", "device", "date (UTC)"]]
    for row in table["rows"]:
        for column, cell in row["cells"].items():
            for m in cell["measured"]:
                name = f"{row['title']}; {named({**m, 'column': column})}: {rate_words(m['bpd'], m['bpd_error'])}"
                origin = [f"first {m['n_images']}", m["made_by"], f"`{m['command']}`"]
                lines.append([name, *origin, ", ".join(m["git"]), ", ".join(m["device"]), " to ".join(m["date"])])
    return lines


def named(entry: dict[str, Any]) -> str:
    """Column, data, model and crop of an entry of the table's lists."""
    return subject(*(entry[field] for field in ("column", "stand_in", "data", "model", "crop")))


def plain_table(lines: list[list[str]]) -> str:
    """Lines of words, the first of them the heading."""
    return "\n".join([_line(lines[0]), _line(["---"] * len(lines[0])), *map(_line, lines[1:])])


def _rate(value: float | None, error: float | None) -> str:
    if value is None:
        return "not run"
    return f"{value:.3f}" if error is None else f"{value:.3f} ± {error:.3f}"


def _not_run(table: dict[str, Any]) -> Iterator[str]:
    for row in table["rows"]:
        for column, cell in row["cells"].items():
            if cell["not_run"]:
                yield f"- {row['title']}, {table['columns'][column]['title']}: {cell['not_run']}"


def _measured_title(column: dict[str, Any]) -> str:
    if column["stand_in"]:
        return f"{', '.join(column['data'])}{STAND_IN_MARK} ({column['stand_in']}), measured"
    return f"{column['title']}, measured"


def _line(words: list[str]) -> str:
    return "| " + " | ".join(words) + " |"

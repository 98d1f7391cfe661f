"""figure3.html: the curves, tables and a comparison of pictures; nothing is loaded from elsewhere.

Without its folder pictures/ beside it the page still has everything but the pictures.
"""

import json
from pathlib import Path
from typing import Any

from experiments.figure3.comparisons import FITS, words
from experiments.figure3.figure import MAX_BPP, OPTIMISED_FOR, colours
from experiments.figure3.tables import quality_lines, source_lines

_FOLDER = Path(__file__).resolve().parent


def to_html(figure: dict[str, Any], samples: list[dict[str, Any]]) -> str:
    """The whole page."""
    data = figure | {
        "samples": samples,
        "colours": colours(figure),
        "max_bpp": MAX_BPP,
        "optimised_for": OPTIMISED_FOR,
        "quality_lines": quality_lines(figure),
        "source_lines": source_lines(figure),
        "bd_words": [_bd_words(rate) for rate in figure["bd_rates"]],
    }
    text = json.dumps(data, allow_nan=False).replace("</", "<\\/")  # no title may end the script
    page = _part("page.html")
    for name, part in (("style", _part("page.css")), ("data", text), ("program", _part("page.js"))):
        page = page.replace(f"{{{{{name}}}}}", part)
    return page


def _bd_words(rate: dict[str, Any]) -> dict[str, str]:
    return {**{name: rate[name] for name in ("tested", "anchor", "metric")}, **{fit: words(rate[fit]) for fit in FITS}}


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")

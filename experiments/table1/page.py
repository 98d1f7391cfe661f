"""table1.html: one file with the table, bars per image, pictures and every number's origin; nothing is loaded."""

import base64
import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from experiments.table1.markdown import (
    STAND_IN_MARK,
    TILES_NOTE,
    bits_back_lines,
    check_lines,
    data_words,
    loss_lines,
    main_lines,
    source_lines,
)
from experiments.table1.run import sample_path
from experiments.table1.trainings import training_lines

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #22262e; max-width: 1180px; margin: 2em auto; padding: 0 1em }
table { border-collapse: collapse; margin: 1em 0 }
th, td { padding: .25em .7em; text-align: right; vertical-align: top; border-bottom: 1px solid #e3e6eb }
th { border-bottom: 2px solid #22262e }
td:first-child, th:first-child, .text td, .text th { text-align: left }
.measured { font-weight: 650; background: #fdf0f1 }
.published { font-style: italic; color: #6b7280 }
.none { color: #9aa1ac }
.warn { background: #fff3cd; padding: .5em .8em; border-left: 4px solid #d9a400 }
.cards { display: flex; flex-wrap: wrap; gap: 18px }
.card { width: 270px; font-size: 12px }
.card img { image-rendering: pixelated; max-width: 192px; min-width: 64px; max-height: 128px; display: block }
.yes { color: #1a7f37 }
.no { color: #c62828; font-weight: 700 }
.wide { overflow-x: auto; font-size: 90% }
code { font-size: 85%; word-break: break-word }
"""
_COLOURS = ["#b8bec8", "#7d8aa0", "#5f6b7d", "#8fb8a8", "#c9a0dc", "#e0a458", "#d1495b", "#22262e"]
_BAR_WIDTH, _BAR_HEIGHT = 150, 12


def to_html(table: dict[str, Any], workdir: Path) -> str:
    """The whole page; the pictures are read from workdir."""
    parts = [
        f"<h1>{_text(table['table'])}</h1>",
        f"<p>Made by <code>{_text(table['command'])}</code></p>",
        *_warnings(table),
        _plain_table(main_lines(table), ""),
        "<p><span class=measured>Measured here</span>, <span class=published>published</span>; in brackets the rate "
        f"over a long chain of images. {_text(data_words(table))} Published: {_text(table['published_source'])}.</p>",
        *_sections(table),
        *(part for column in table["columns"] for part in _cards(table, column, workdir)),
        f"<h2>Where each measured number comes from</h2>{_plain_table(source_lines(table))}",
        f"<details><summary>config</summary><pre>{_text(_config_lines(table['config']))}</pre></details>",
    ]
    title = _text(table["table"])
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return head + "\n".join(parts) + "</html>\n"


def _warnings(table: dict[str, Any]) -> Iterator[str]:
    for column in table["columns"].values():
        if column["stand_in"]:
            words = f"{', '.join(column['data'])}: {column['stand_in']}"
            yield f"<p class=warn>{STAND_IN_MARK} <b>{_text(words)}</b>: not to be compared with published numbers.</p>"


def _sections(table: dict[str, Any]) -> Iterator[str]:
    """The lists below the table that have entries."""
    for name, title, lines in (
        ("trainings", "How long the models learned", training_lines(table)),
        ("coder_losses", "What our coders lose", loss_lines(table)),
        ("bits_back", "Bits-back in detail", bits_back_lines(table)),
        ("checks", "Checks", check_lines(table)),
    ):
        if table[name]:
            yield f"<h2>{title}</h2>{_plain_table(lines)}"
            yield f"<p>{_text(TILES_NOTE)}</p>" if name == "coder_losses" else ""


def _cards(table: dict[str, Any], column: str, workdir: Path) -> Iterator[str]:
    images = table["images"][column]
    if not images:
        return
    about = table["columns"][column]
    note = f" ({', '.join(about['data'])}: {about['stand_in']})" if about["stand_in"] else ""
    yield f"<h2>{_text(about['title'] + note)}, image by image, bits/dim</h2><div class=cards>"
    titles = list(dict.fromkeys(title for image in images for title in image["bpd"]))
    colours = {title: _COLOURS[i % len(_COLOURS)] for i, title in enumerate(titles)}
    for image in images:
        picture = _picture(sample_path(workdir, column, image["image"]))
        yield f"<div class=card>image {image['image']}{picture}{_bars(image['bpd'], colours)}</div>"
    yield "</div>"


def _picture(path: Path) -> str:
    """The picture inside the page; nothing if it was not kept."""
    if not path.is_file():
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f'<img alt="{_text(path.stem)}" src="data:image/png;base64,{data}">'


def _bars(bpd: dict[str, float], colours: dict[str, str]) -> str:
    """One bar per row; 8 bits/dim, raw pixels, is the full width, and a longer bar is cut and marked."""
    lines = []
    for i, (title, rate_bpd) in enumerate(bpd.items()):
        y, width = i * (_BAR_HEIGHT + 4), _BAR_WIDTH * min(rate_bpd / 8.0, 1.0)
        words = f"{rate_bpd:.2f}{' ≫' if rate_bpd > 8.0 else ''} {_text(title)}"
        lines.append(
            f'<rect x="0" y="{y}" width="{width:.1f}" height="{_BAR_HEIGHT}" fill="{colours[title]}"/>'
            f'<text x="{width + 4:.1f}" y="{y + _BAR_HEIGHT - 2}" font-size="10.5">{words}</text>'
        )
    height = len(bpd) * (_BAR_HEIGHT + 4)
    return f'<svg width="270" height="{height}" overflow="visible">{"".join(lines)}</svg>'


def _plain_table(lines: list[list[str]], style: str = " class=text") -> str:
    """Lines of words with Markdown's emphasis, the first of them the heading."""
    head = "".join(f"<th>{_text(word)}</th>" for word in lines[0])
    body = "".join(f"<tr>{''.join(map(_word_cell, line))}</tr>" for line in lines[1:])
    return f"<div class=wide><table{style}><tr>{head}</tr>{body}</table></div>"


def _word_cell(word: str) -> str:
    if word.startswith("`"):
        return f"<td><code>{_text(word.strip('`'))}</code></td>"
    kind = f" class={word}" if word in ("yes", "no") else " class=none" if word == "not run" else ""
    words = re.sub(r"\*\*(.+?)\*\*", r"<span class=measured>\1</span>", _text(word).replace("&lt;br&gt;", "<br>"))
    words = re.sub(r"\*(.+?)\*", r"<span class=published>\1</span>", words)
    return f"<td{kind}>{words}</td>"


def _config_lines(config: dict[str, Any], prefix: str = "config") -> str:
    lines = []
    for name, value in config.items():
        is_section = isinstance(value, dict)
        lines.append(_config_lines(value, f"{prefix}.{name}") if is_section else f"{prefix}.{name} = {value!r}")
    return "\n".join(lines)


def _text(value: Any) -> str:
    return html.escape(str(value))

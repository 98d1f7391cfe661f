"""The commands that the documents give, as a reader types them."""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
_START = re.compile(r"(?:time )?(rec-jax|make|(?:\.venv/bin/)?python) ")
_OPTION = r"\s\[([^\]]*)\]"


class Documented(NamedTuple):
    """document: where it stands.  words: as typed, options in brackets and alternatives as they stand there."""

    document: str
    words: str


def commands(document: str, text: str) -> list[Documented]:
    """Every command of a page, in its blocks and in its lines, once."""
    found = dict.fromkeys([*_of_blocks(text), *_of_lines(text)])
    return [Documented(document, words) for words in found]


def python_blocks(text: str) -> list[str]:
    """The Python code of a page."""
    return [block for language, block in _fenced(text) if language == "python"]


def _fenced(text: str) -> list[tuple[str, str]]:
    """(language, text) of the blocks between fences."""
    return [tuple(block.split("\n", 1)) for block in re.split(r"^```", text, flags=re.MULTILINE)[1::2]]


def _outside(text: str) -> str:
    return "".join(re.split(r"^```", text, flags=re.MULTILINE)[::2])


def _of_blocks(text: str) -> Iterator[str]:
    indented = re.findall(r"(?:^ {4}.*\n?)+", _outside(text), flags=re.MULTILINE)
    blocks = [block for language, block in _fenced(text) if language != "python"]
    for block in [*blocks, *map(textwrap.dedent, indented)]:
        for line in re.sub(r"\\\n\s*", "", block).splitlines():
            words = re.sub(r"\s+#.*", "", line).strip()
            if _START.match(words + " "):
                yield words.removeprefix("time ")


def _of_lines(text: str) -> Iterator[str]:
    """Of the code inside a line or wrapped over two; `rec-jax compress` alone is a name."""
    prose = re.sub(r"^ {4}.*$", "", _outside(text), flags=re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", prose):
        words = " ".join(code.split()).removeprefix("time ")
        if _START.match(words) and words not in ("rec-jax ...", "rec-jax compress", "rec-jax decompress"):
            yield words


def variants(words: str) -> list[str]:
    """A command without its options in brackets, with each of them alone, and with each of its alternatives A|B."""
    bare = re.sub(_OPTION, "", words)
    options = [one for group in re.findall(_OPTION, words) for one in group.split(" | ")]
    with_one = [f"{bare} {option}" for option in options]
    return list(dict.fromkeys(one for line in [bare, *with_one] for one in _alternatives(line)))


def _alternatives(words: str) -> list[str]:
    several = re.search(r"[^\s=|]+(?:\|[^\s=|]+)+", words)
    if not several:
        return [words]
    before, after = words[: several.start()], words[several.end() :]
    return [line for one in several[0].split("|") for line in _alternatives(before + one + after)]

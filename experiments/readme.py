"""Results in the README, and all of them in docs/RESULTS.md, each between two markers of its own."""

from pathlib import Path

from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import read_bytes, write_bytes_atomic

RESULTS = Path("docs") / "RESULTS.md"  # beside the README


def write_results(readme: Path, name: str, short: str, whole: str) -> None:
    """Puts the short form into the README and the whole one into docs/RESULTS.md beside it, where that exists.

    Raises CorruptFile, before anything is written, if <!-- NAME:begin --> and <!-- NAME:end --> are not in each once
    and in order.
    """
    texts = {readme: _replaced(readme, name, short)}
    results = readme.parent / RESULTS
    if results.exists():
        texts[results] = _replaced(results, name, whole)
    for path, text in texts.items():
        write_bytes_atomic(path, text.encode())


def markers(name: str) -> tuple[str, str]:
    """Between which a section stands."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def _replaced(path: Path, name: str, section: str) -> str:
    begin, end = markers(name)
    text = read_bytes(path, 2**24).decode()
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise CorruptFile(f"{path} has no single pair of markers {begin} and {end}; put them where {name} belongs")
    return f"{text[: text.index(begin) + len(begin)]}\n{section}\n{text[text.index(end) :]}"

"""Results in the README, each between two markers of its own."""

from pathlib import Path

from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import read_bytes, write_bytes_atomic


def write_section(path: Path, name: str, section: str) -> None:
    """Replaces what stands between <!-- NAME:begin --> and <!-- NAME:end -->.

    Raises CorruptFile if they are not there once each, in order.
    """
    begin, end = markers(name)
    text = read_bytes(path, 2**24).decode()
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise CorruptFile(f"{path} has no single pair of markers {begin} and {end}; put them where {name} belongs")
    before, after = text[: text.index(begin) + len(begin)], text[text.index(end) :]
    write_bytes_atomic(path, f"{before}\n{section}\n{after}".encode())


def markers(name: str) -> tuple[str, str]:
    """Between which a section stands."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"

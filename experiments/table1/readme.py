"""The README's copy of the table, between two markers."""

from pathlib import Path
from typing import Any

from experiments.table1.markdown import legend, loss_lines, main_table, plain_table
from rec_jax.core.errors import CorruptFile
from rec_jax.core.files import read_bytes, write_bytes_atomic

BEGIN, END = "<!-- table1:begin -->", "<!-- table1:end -->"


def write_readme(path: Path, table: dict[str, Any]) -> None:
    """Replaces what stands between the markers; raises CorruptFile if they are not there once each, in order."""
    text = read_bytes(path, 2**24).decode()
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise CorruptFile(f"{path} has no single pair of markers {BEGIN} and {END}; put them where the table belongs")
    before, after = text[: text.index(BEGIN) + len(BEGIN)], text[text.index(END) :]
    write_bytes_atomic(path, f"{before}\n{readme_section(table)}\n{after}".encode())


def readme_section(table: dict[str, Any]) -> str:
    """The table, what its marks mean, the coders' losses and the command."""
    parts = [main_table(table), legend(table)]
    parts += [plain_table(loss_lines(table))] if table["coder_losses"] else []
    parts.append(f"    {table['command']}")
    return "\n\n".join(parts)

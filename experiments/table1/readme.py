"""The README's copy of the table."""

from pathlib import Path
from typing import Any

from experiments.readme import write_section
from experiments.table1.markdown import legend, loss_lines, main_table, plain_table


def write_readme(path: Path, table: dict[str, Any]) -> None:
    """Replaces what stands between the markers of table1; raises CorruptFile if they are not there."""
    write_section(path, "table1", readme_section(table))


def readme_section(table: dict[str, Any]) -> str:
    """The table, what its marks mean, the coders' losses and the command."""
    parts = [main_table(table), legend(table)]
    parts += [plain_table(loss_lines(table))] if table["coder_losses"] else []
    parts.append(f"    {table['command']}")
    return "\n\n".join(parts)

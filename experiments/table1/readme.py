"""The README's copy of the table, and that of docs/RESULTS.md, which has the coders' losses as well."""

from pathlib import Path
from typing import Any

from experiments.readme import write_results
from experiments.table1.markdown import legend, loss_lines, main_table, plain_table
from experiments.table1.trainings import training_lines
from rec_jax.core.errors import ConfigError


def write_readme(path: Path, table: dict[str, Any]) -> None:
    """Replaces what stands between the markers of table1.

    Raises CorruptFile if they are not there, ConfigError for a table without a measured number.
    """
    if not any(cell["measured"] for row in table["rows"] for cell in row["cells"].values()):
        raise ConfigError(f"nothing of this table is measured; {path} stays as it is")
    head, command = [main_table(table), legend(table)], f"    {table['command']}"
    learned = [plain_table(training_lines(table))] if table["trainings"] else []
    losses = [plain_table(loss_lines(table))] if table["coder_losses"] else []
    short, whole = [*head, *learned, command], [*head, *learned, *losses, command]
    write_results(path, "table1", "\n\n".join(short), "\n\n".join(whole))

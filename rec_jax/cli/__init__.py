"""The command `rec-jax`: compress, decompress, info, models; each in the file of its name.

Every failure is one line on stderr; exit code 1, 2 for a wrong command line and 130 for Ctrl-C, which is obeyed at
once. Output files are written whole or not at all, and one that exists is replaced only with --force; whether they
can be written, and whether their names say what they are, is looked at before any work. `-` is standard input or
output; the result line then goes to stderr. jax is imported only by `compress` with a model that has latents, and by
`decompress --device`.
"""

import contextlib

from rec_jax.core.console import end_process
from rec_jax.core.interrupts import NOTHING_WRITTEN, prompt_interrupts

__all__ = ["main"]


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code: command.main, which says more.

    argv: the words after `rec-jax`. By default the process's own, and the process ends with the command.
    """
    is_process = argv is None
    with prompt_interrupts(f"rec-jax: {NOTHING_WRITTEN}") if is_process else contextlib.nullcontext():
        from rec_jax.cli import command  # takes a third of a second
    code = command.main(argv)
    if is_process:
        end_process(code)
    return code

"""Where a command may write: looked at before any work is done."""

import os
import sys

from rec_jax.core.errors import RecError
from rec_jax.core.files import check_writable
from rec_jax.core.standard_streams import STANDARD


def check_output(output: str, source: str, force: bool, suffix: str) -> None:
    """Refuses an output that cannot or must not be written.

    output, source: names of files, or '-' for standard output and input.
    force: an existing file may be replaced.
    suffix: what the output's name must end in, so that no name promises another format than the file has.

    Raises RecError, and OSError for what the system refuses.
    """
    if output == STANDARD:
        _check_standard_output()
        return
    check_writable(output)
    if os.path.splitext(output)[1].lower() != suffix:
        raise RecError(f"{output}: {suffix} files are written; give a name that ends in {suffix}, or -")
    if not os.path.lexists(output):
        return
    if source != STANDARD and os.path.exists(source) and os.path.exists(output) and os.path.samefile(output, source):
        raise RecError(f"{output} is also the input; name another file to write")
    if os.path.exists(output) and not force:
        raise RecError(f"{output} exists; add --force to replace it")


def _check_standard_output() -> None:
    if sys.stdout is None:
        raise RecError("standard output is closed; name a file to write")
    if sys.stdout.isatty():
        raise RecError("standard output is a terminal, which shows no files; name a file to write, or a pipe")

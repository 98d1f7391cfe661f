"""The command `rec-jax`: compress, decompress, info, models; each in the file of its name.

Every failure is one line on stderr; exit code 1, 2 for a wrong command line and 130 for Ctrl-C, which is obeyed at
once. Output files are written whole or not at all, and one that exists is replaced only with --force; whether they
can be written, and whether their names say what they are, is looked at before any work. `-` is standard input or
output; the result line then goes to stderr. jax is imported only by `compress` with a model that has latents, and by
`decompress --device`.
"""

from rec_jax.cli.command import main

__all__ = ["main"]

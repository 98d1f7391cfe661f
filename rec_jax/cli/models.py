"""`rec-jax models`: the models inside the package, with their sizes and ids."""

import argparse

from rec_jax.codec import Package, model_file, open_package
from rec_jax.codec.chain_codecs import chain_codec
from rec_jax.codec.defaults import LARGE_MODEL, LOSSY_MODEL, SMALL_MODEL
from rec_jax.codec.tiles import SMALL
from rec_jax.core.console import say


def add_parser(commands) -> None:
    """Adds the command's words to those of `rec-jax`."""
    commands.add_parser("models", help="models inside the package").set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """A line for each."""
    del arguments
    uses = {
        SMALL_MODEL: f", default up to {SMALL}x{SMALL}",
        LARGE_MODEL: ", default for larger pictures",
        LOSSY_MODEL: ", default for --lossy",
    }
    for name, path in model_file.shipped_model_paths().items():
        size_mb, model_id = path.stat().st_size / 1e6, model_file.read_model_id(path)
        use = uses.get(name) or _kind(open_package(name))
        say(f"{name}: {size_mb:.1f} MB, id {model_id:04x}{use}")


def _kind(package: Package) -> str:
    if chain_codec(package):
        return ", chains of pictures, no files"
    return "" if package.codec().exact else ", lossy"

"""`rec-jax info IN.rec`: what the header says, without decoding."""

import argparse

from rec_jax.cli.codecs import shipped_name
from rec_jax.cli.describe import embedded_format, method, sizes
from rec_jax.cli.streams import display_name, naming, read_rec
from rec_jax.codec import container
from rec_jax.codec.curve import read_quality
from rec_jax.core.console import say


def add_parser(commands) -> None:
    """Adds the command's words to those of `rec-jax`."""
    command = commands.add_parser("info", help="what a .rec file says about itself")
    command.add_argument("input", metavar="IN.rec", help="- for stdin")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """What one file says of itself."""
    data, header, stream = read_rec(arguments.input)
    with naming(arguments.input):
        quality = read_quality(header, stream) if header.kind == container.LOSSY else None
    say(f"{display_name(arguments.input)}: {sizes(header, len(data))}")
    version, n_header = container.FORMAT_VERSION, len(data) - len(stream)
    say(f"  header {n_header} bytes, stream {len(stream)} bytes, format version {version}")
    if header.kind == container.EMBEDDED:
        say(f"  {embedded_format(header)}: no model and no coder")
    else:
        say(f"  model id {header.model_id:04x} ({shipped_name(header) or 'not shipped'})")
        say(f"  {method(header)}")
    if quality is not None:
        say(f"  lossy, quality {quality}: the pixels below are those that come out, on every machine")
    say(f"  CRC-32 of the pixels {header.pixel_crc32:08x}")

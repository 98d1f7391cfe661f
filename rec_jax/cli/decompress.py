"""`rec-jax decompress IN.rec OUT.png`: the same pixels as a PNG."""

import argparse
import time

from rec_jax.cli.describe import sizes
from rec_jax.cli.streams import deliver, read_rec, report
from rec_jax.codec import codec_of, container
from rec_jax.codec.embedded import unpack_embedded
from rec_jax.codec.png import png_bytes
from rec_jax.core.outputs import check_output


def add_parser(commands) -> None:
    """Adds the command's words to those of `rec-jax`."""
    command = commands.add_parser("decompress", help=".rec to PNG")
    command.add_argument("input", metavar="IN.rec", help="- for stdin")
    command.add_argument("output", metavar="OUT.png", help="- for stdout")
    command.add_argument("--model", metavar="NAME|PATH", help="default: the shipped model of the file's id")
    command.add_argument(
        "--device", metavar="cpu|gpu|tpu", help="walk the network under jax there; default: numpy, which needs no jax"
    )
    command.add_argument("--force", action="store_true", help="replace OUT.png if it exists")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """One file to one picture."""
    start_s = time.perf_counter()
    check_output(arguments.output, arguments.input, arguments.force, suffix=".png")
    data, header, payload = read_rec(arguments.input)
    if header.kind == container.EMBEDDED:
        image = unpack_embedded(header, payload)
    else:
        codec = codec_of(header, arguments.model)
        image = codec.on_device(arguments.device).decompress(data)
    deliver(arguments.output, png_bytes(image))
    report(arguments.output, f"{sizes(header, len(data))}, exact, {time.perf_counter() - start_s:.1f} s")

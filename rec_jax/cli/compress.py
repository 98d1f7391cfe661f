"""`rec-jax compress IN OUT.rec`: any picture that read_image takes to a `.rec` file."""

import argparse
import time

import numpy as np

from rec_jax.cli import codecs
from rec_jax.cli.codecs import LARGE_MODEL, SMALL_MODEL, default_model
from rec_jax.cli.describe import embedded_format, sizes
from rec_jax.cli.streams import deliver, report
from rec_jax.codec import container
from rec_jax.codec.presets import PRESETS
from rec_jax.codec.tiles import SMALL
from rec_jax.core.errors import BitstreamMismatch
from rec_jax.core.outputs import check_output
from rec_jax.core.progress import progress_line


def add_parser(commands) -> None:
    """Adds the command's words to those of `rec-jax`."""
    command = commands.add_parser("compress", help="picture to .rec")
    command.add_argument("input", metavar="IN", help="a picture: PNG, JPEG, WebP, BMP, GIF, TIFF, PPM; - for stdin")
    command.add_argument("output", metavar="OUT.rec", help="- for stdout")
    by_size = f"default: {SMALL_MODEL} for a picture up to {SMALL}x{SMALL}, {LARGE_MODEL} for a larger one"
    command.add_argument("--model", metavar="NAME|PATH", help=by_size)
    command.add_argument("--preset", choices=list(PRESETS), default="default", help="effort of the coder")
    command.add_argument(
        "--drop-icc", action="store_true", help="take the pixels without ICC profile or other colour tags"
    )
    command.add_argument("--verify", action="store_true", help="decode before writing and compare")
    command.add_argument("--force", action="store_true", help="replace OUT.rec if it exists")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """One picture to one file."""
    from rec_jax.codec.image_io import read_image

    start_s = time.perf_counter()
    check_output(arguments.output, arguments.input, arguments.force, suffix=".rec")
    image = read_image(arguments.input, drop_icc=arguments.drop_icc)
    model = arguments.model or default_model(image)
    codec = codecs.open_codec(model, arguments.preset)
    with progress_line(f"rec-jax: {codec.progress_of}") as progress:
        data = codec.compress(image, progress=progress)
    if arguments.verify and not np.array_equal(codec.decompress(data), image):
        raise BitstreamMismatch(f"{arguments.input}: the file did not decode to its pixels; nothing was written")
    deliver(arguments.output, data)
    header, _ = container.unpack(data)
    if header.kind == container.EMBEDDED:
        how = embedded_format(header)
    else:
        how = f"model {model}" + (f", preset {arguments.preset}" if codec.searches else "")
    verified = ", verified" if arguments.verify else ""
    elapsed_s = time.perf_counter() - start_s
    report(arguments.output, f"{sizes(header, len(data))}, {how}{verified}, {elapsed_s:.1f} s")

"""`rec-jax compress IN OUT.rec` and `IN... -o DIR`: any picture that read_image takes to a `.rec` file."""

import argparse
import functools
import time

from rec_jax.cli import codecs, lossy
from rec_jax.cli.bulk.run import add_options, find_work, one_or_many, run_bulk
from rec_jax.cli.describe import embedded_format, sizes
from rec_jax.cli.streams import check_target, deliver, naming, report
from rec_jax.codec import container
from rec_jax.codec.base import FileCodec
from rec_jax.codec.defaults import LARGE_MODEL, LOSSY_MODEL, SMALL_MODEL, default_model
from rec_jax.codec.presets import PRESETS
from rec_jax.codec.tiles import SMALL
from rec_jax.core.progress import progress_line


def add_parser(commands) -> None:
    """Adds the command's words to those of `rec-jax`."""
    usage = "rec-jax compress [options] IN OUT.rec\n       rec-jax compress [options] IN... -o DIR"
    command = commands.add_parser("compress", help="pictures to .rec", usage=usage)
    inputs = "a picture: PNG, JPEG, WebP, BMP, GIF, TIFF, PPM; - for stdin; with -o also folders and patterns"
    command.add_argument("paths", nargs="+", metavar="IN", help=inputs)
    add_options(command, "1 for a model with latents, else the number of processors")
    by_size = f"default: {SMALL_MODEL} for a picture up to {SMALL}x{SMALL}, {LARGE_MODEL} for a larger one"
    command.add_argument("--model", type=codecs.model_word, metavar="NAME|PATH", help=by_size)
    lossy.add_options(command)
    command.add_argument("--preset", choices=list(PRESETS), default="default", help="effort of the coder")
    command.add_argument(
        "--drop-icc", action="store_true", help="take the pixels without ICC profile or other colour tags"
    )
    command.add_argument("--verify", action="store_true", help="decode before writing and compare")
    command.add_argument("--force", action="store_true", help="replace existing files that hold something else")
    command.set_defaults(run=run, usage_error=command.error)


def run(arguments: argparse.Namespace) -> int:
    """One picture to one file, or many to a folder; the exit code."""
    return one_or_many(arguments, _run_one, _run_many)


def _run_many(arguments: argparse.Namespace) -> int:
    from rec_jax.cli.bulk.compressing import Compressor
    from rec_jax.data.image_files import is_image_name

    aim = lossy.aim_of(arguments)
    inputs = find_work(arguments, ".rec", is_image_name)
    options = (arguments.model, arguments.preset, arguments.drop_icc, arguments.verify, aim)
    make_work = functools.partial(Compressor, *options, force=arguments.force)
    default = SMALL_MODEL if aim is None else LOSSY_MODEL
    searches = make_work().codec(arguments.model or default).searches  # and that there is such a model
    return run_bulk(arguments, inputs, make_work, 1 if searches else None)


def _run_one(arguments: argparse.Namespace, source: str, output: str) -> None:
    from rec_jax.codec.image_io import read_image

    start_s = time.perf_counter()
    aim = lossy.aim_of(arguments)
    check_target(output, source, arguments.force, suffix=".rec")
    image = read_image(source, drop_icc=arguments.drop_icc)
    model = arguments.model or (default_model(image) if aim is None else LOSSY_MODEL)
    codec = codecs.open_codec(model, arguments.preset, lossy=aim is not None)
    with naming(source):
        with progress_line(f"rec-jax: {codec.progress_of}") as progress:
            data = codec.compress(image, progress) if aim is None else lossy.compress(codec, aim, image, progress)
        verified = codecs.verify(codec, data, image, source) if arguments.verify else ""
    deliver(output, data)
    elapsed_s = time.perf_counter() - start_s
    report(output, f"{_said_of(data, model, arguments.preset, codec)}{verified}, {elapsed_s:.1f} s")


def _said_of(data: bytes, model: str, preset: str, codec: FileCodec) -> str:
    header, payload = container.unpack(data)
    if header.kind == container.EMBEDDED:
        how = embedded_format(header)
    else:
        how = f"model {model}" + (f", preset {preset}" if codec.searches else "")
    if header.kind == container.LOSSY:
        how += f", quality {payload[0]}"
    return f"{sizes(header, len(data))}, {how}"

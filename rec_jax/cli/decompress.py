"""`rec-jax decompress IN.rec OUT.png` and `IN... -o DIR`: the same pixels as a PNG."""

import argparse
import functools
import time

from rec_jax.cli import codecs
from rec_jax.cli.bulk.run import add_options, find_work, one_or_many, run_bulk
from rec_jax.cli.describe import sizes
from rec_jax.cli.streams import check_target, deliver, naming, read_rec, report
from rec_jax.codec import codec_of, container
from rec_jax.codec.embedded import unpack_embedded
from rec_jax.codec.png import png_bytes

_DEVICES = ("cpu", "gpu", "tpu", "cuda", "rocm")  # jax's names; the latter two are kinds of gpu


def add_parser(commands) -> None:
    """Adds the command's words to those of `rec-jax`."""
    usage = "rec-jax decompress [options] IN.rec OUT.png\n       rec-jax decompress [options] IN... -o DIR"
    command = commands.add_parser("decompress", help=".rec to PNG", usage=usage)
    command.add_argument("paths", nargs="+", metavar="IN", help="- for stdin; with -o also folders and patterns")
    add_options(command, "the number of processors, 1 with --device")
    command.add_argument(
        "--model", type=codecs.model_word, metavar="NAME|PATH", help="default: the shipped model of the file's id"
    )
    command.add_argument(
        "--device",
        choices=_DEVICES,
        metavar="cpu|gpu|tpu",
        help="walk a lossless network of latents under jax there; default: numpy, without jax",
    )
    command.add_argument("--force", action="store_true", help="replace existing files that hold something else")
    command.set_defaults(run=run, usage_error=command.error)


def run(arguments: argparse.Namespace) -> int:
    """One file to one picture, or many to a folder; the exit code."""
    return one_or_many(arguments, _run_one, _run_many)


def _run_many(arguments: argparse.Namespace) -> int:
    from rec_jax.cli.bulk.decompressing import Decompressor

    codecs.check_model(arguments.model)
    inputs = find_work(arguments, ".png", lambda name: name.lower().endswith(".rec"))
    make_work = functools.partial(Decompressor, arguments.model, arguments.device, force=arguments.force)
    return run_bulk(arguments, inputs, make_work, 1 if arguments.device else None)


def _run_one(arguments: argparse.Namespace, source: str, output: str) -> None:
    start_s = time.perf_counter()
    check_target(output, source, arguments.force, suffix=".png")
    codecs.check_model(arguments.model)
    data, header, payload = read_rec(source)
    on_device = False
    with naming(source):
        if header.kind == container.EMBEDDED:
            image = unpack_embedded(header, payload)
        else:
            codec = codec_of(header, arguments.model)
            image, on_device = codecs.on_device(codec, arguments.device).decompress(data), codecs.takes_device(codec)
    deliver(output, png_bytes(image))
    how = f"lossy, quality {payload[0]}" if header.kind == container.LOSSY else "exact"
    how += ", on the processor" if arguments.device and not on_device else ""
    report(output, f"{sizes(header, len(data))}, {how}, {time.perf_counter() - start_s:.1f} s")

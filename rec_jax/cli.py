"""The command `rec-jax`: compress, decompress, info, models.

Every failure is one line on stderr; exit code 1, 2 for a wrong command line and 130 for Ctrl-C. Output files
are written whole or not at all, and one that exists is replaced only with --force. jax is imported only by
the commands that need it, so `info`, `models`, `--help` and files in stored mode answer at once.
"""

import argparse
import os
import sys
import time

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.preset_options import PRESETS
from rec_jax.codec.tiles import SMALL
from rec_jax.core.errors import BitstreamMismatch, RecError, WrongModel
from rec_jax.core.files import read_bytes, write_bytes_atomic
from rec_jax.core.units import bits_to_bpd
from rec_jax.version import __version__

_NOT_WRITTEN = (".bmp", ".gif", ".jpeg", ".jpg", ".ppm", ".tif", ".tiff", ".webp")  # decompress writes PNG
_SMALL_MODEL, _LARGE_MODEL = "cifar10-small", "photos-small"  # for pictures up to SMALL x SMALL, and for others
_MAX_REC_BYTES = 3 * container.MAX_PIXELS + 64


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code; argv: the words after `rec-jax`, by default the process's."""
    try:
        arguments = _parser().parse_args(argv)
        arguments.run(arguments)
        return 0
    except KeyboardInterrupt:
        return _fail("interrupted; nothing was written", code=130)
    except RecError as error:
        return _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except MemoryError:
        return _fail("not enough memory for this picture; cut it up")


def compress(arguments: argparse.Namespace) -> None:
    """`rec-jax compress IN OUT.rec`: any picture that read_image takes to a `.rec` file."""
    from rec_jax.codec.image_io import read_image

    start_s = time.perf_counter()
    _check_output(arguments.output, arguments.input, arguments.force)
    image = read_image(arguments.input, drop_icc=arguments.drop_icc)
    model = arguments.model or default_model(image)
    codec = _open_codec(model, arguments.preset)
    data = codec.compress(image)
    if arguments.verify and not np.array_equal(codec.decompress(data), image):
        raise BitstreamMismatch(f"{arguments.input}: the file did not decode to its pixels; nothing was written")
    write_bytes_atomic(arguments.output, data)
    header, _ = container.unpack(data)
    if header.mode == container.STORED:
        how = "stored"
    else:
        how = f"model {model}, preset {arguments.preset}"
    verified = ", verified" if arguments.verify else ""
    elapsed_s = time.perf_counter() - start_s
    _say(f"{arguments.output}: {_sizes(header, len(data))}, {how}{verified}, {elapsed_s:.1f} s")


def decompress(arguments: argparse.Namespace) -> None:
    """`rec-jax decompress IN.rec OUT.png`: the same pixels as a PNG."""
    from rec_jax.codec.image_io import write_png

    if os.path.splitext(arguments.output)[1].lower() in _NOT_WRITTEN:
        raise RecError(f"{arguments.output}: only PNG is written; give a name that ends in .png")

    start_s = time.perf_counter()
    _check_output(arguments.output, arguments.input, arguments.force)
    data, header, stream = _read_rec(arguments.input)
    if header.mode == container.STORED:
        image = container.unpack_stored(header, stream)
    else:
        image = _codec_of(header, arguments.model).decompress(data)
    write_png(arguments.output, image)
    _say(f"{arguments.output}: {_sizes(header, len(data))}, exact, {time.perf_counter() - start_s:.1f} s")


def info(arguments: argparse.Namespace) -> None:
    """`rec-jax info IN.rec`: what the header says, without decoding."""
    data, header, stream = _read_rec(arguments.input)
    _say(f"{arguments.input}: {_sizes(header, len(data))}")
    version, n_header = container.FORMAT_VERSION, len(data) - len(stream)
    _say(f"  header {n_header} bytes, stream {len(stream)} bytes, format version {version}")
    if header.mode == container.STORED:
        _say("  stored pixels: no model and no coder")
    else:
        _say(f"  model id {header.model_id:04x} ({_model_name(header)})")
        kind = f" (coder {PRESETS[name]['kind']})" if (name := header.preset_name) in PRESETS else ""
        _say(f"  preset {name}{kind}, split {header.split}")
        _say(f"  written by {container.runtime_name(header.runtime)}")
    _say(f"  CRC-32 of the pixels {header.pixel_crc32:08x}")


def models(arguments: argparse.Namespace) -> None:
    """`rec-jax models`: the models inside the package, with their sizes and ids."""
    from rec_jax.codec.model_file import read_model_id, shipped_model_paths

    for name, path in shipped_model_paths().items():
        use = {_SMALL_MODEL: f", default up to {SMALL}x{SMALL}", _LARGE_MODEL: ", default for larger pictures"}
        _say(f"{name}: {path.stat().st_size / 1e6:.1f} MB, id {read_model_id(path):04x}{use.get(name, '')}")


def default_model(image: np.ndarray) -> str:
    """Which shipped model `compress` takes for a picture [H, W, ...] where none is named."""
    return _SMALL_MODEL if max(image.shape[:2]) <= SMALL else _LARGE_MODEL


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rec-jax", description="Lossless image compression by relative entropy coding.")
    parser.add_argument("--version", action="version", version=f"rec-jax {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("compress", help="picture to .rec")
    command.add_argument("input", metavar="IN", help="a picture: PNG, JPEG, WebP, BMP, GIF, TIFF, PPM")
    command.add_argument("output", metavar="OUT.rec")
    by_size = f"default: {_SMALL_MODEL} for a picture up to {SMALL}x{SMALL}, {_LARGE_MODEL} for a larger one"
    command.add_argument("--model", metavar="NAME|PATH", help=by_size)
    command.add_argument("--preset", choices=list(PRESETS), default="default", help="effort of the coder")
    command.add_argument("--drop-icc", action="store_true", help="take the pixels without their ICC profile")
    command.add_argument("--verify", action="store_true", help="decode before writing and compare")
    command.add_argument("--force", action="store_true", help="replace OUT.rec if it exists")
    command.set_defaults(run=compress)

    command = commands.add_parser("decompress", help=".rec to PNG")
    command.add_argument("input", metavar="IN.rec")
    command.add_argument("output", metavar="OUT.png")
    command.add_argument("--model", metavar="NAME|PATH", help="default: the shipped model of the file's id")
    command.add_argument("--force", action="store_true", help="replace OUT.png if it exists")
    command.set_defaults(run=decompress)

    command = commands.add_parser("info", help="what a .rec file says about itself")
    command.add_argument("input", metavar="IN.rec")
    command.set_defaults(run=info)

    commands.add_parser("models", help="models inside the package").set_defaults(run=models)
    return parser


class _Parser(argparse.ArgumentParser):
    """A wrong command line is one line, like every other failure."""

    def error(self, message: str):
        self.exit(2, f"rec-jax: {message}; see {self.prog} --help\n")


def _open_codec(name_or_path: str, preset: str):
    """The codec of a model, with compiled functions kept on disk between runs; imports jax."""
    from rec_jax.codec import load_codec
    from rec_jax.core.compilation import enable_compilation_cache

    enable_compilation_cache()
    return load_codec(name_or_path, preset)


def _codec_of(header: container.Header, model: str | None):
    """The codec that wrote a file: the model given, or the shipped one with the file's id."""
    from rec_jax.codec.model_file import find_model_name, find_model_path, read_model_id

    if header.preset == container.CUSTOM_PRESET:
        raise WrongModel("the file was written by a coder that no preset names; decode it in python with it")
    if model is None:
        model = find_model_name(header.model_id)
    elif (given_id := read_model_id(find_model_path(model))) != header.model_id:
        raise WrongModel(f"the file was written with model {header.model_id:04x}; {model} is {given_id:04x}")
    return _open_codec(model, header.preset_name)


def _model_name(header: container.Header) -> str:
    from rec_jax.codec.model_file import find_model_name

    try:
        return find_model_name(header.model_id)
    except WrongModel:
        return "not shipped"


def _read_rec(path: str) -> tuple[bytes, container.Header, bytes]:
    """The bytes, header and stream of a `.rec` file; errors name the file."""
    data = read_bytes(path, _MAX_REC_BYTES)
    try:
        return data, *container.unpack(data)
    except RecError as error:
        raise type(error)(f"{path}: {error}") from None


def _check_output(output: str, source: str, force: bool) -> None:
    """Refuse an output that cannot or must not be written, before any work is done."""
    folder = os.path.dirname(output) or "."
    if not os.path.isdir(folder):
        raise RecError(f"{folder}: no such directory; make it first")
    if os.path.exists(output) and not os.path.isfile(output):
        raise RecError(f"{output} is a directory or a device; name a file to write")
    if os.path.exists(output) and os.path.exists(source) and os.path.samefile(output, source):
        raise RecError(f"{output} is also the input; name another file to write")
    if os.path.exists(output) and not force:
        raise RecError(f"{output} exists; add --force to replace it")


def _sizes(header: container.Header, n_bytes: int) -> str:
    kind = "grey" if header.grey else "colour"
    rate_bpd = bits_to_bpd(8 * n_bytes, header.n_dims)
    size = f"{header.width}x{header.height} {kind}"
    return f"{size}, {n_bytes} bytes for {header.n_dims} raw, {rate_bpd:.3f} bits/dim"


def _say(line: str) -> None:
    print(line, flush=True)


def _fail(line: str, code: int = 1) -> int:
    print("rec-jax: " + " ".join(line.split()), file=sys.stderr, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())

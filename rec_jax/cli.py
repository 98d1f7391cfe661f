"""The command `rec-jax`: compress, decompress, info, models.

Every failure is one line on stderr; exit code 1, 2 for a wrong command line and 130 for Ctrl-C, which is obeyed at
once. Output files are written whole or not at all, and one that exists is replaced only with --force; whether they
can be written, and whether their names say what they are, is looked at before any work. `-` is standard input or
output; the result line then goes to stderr. jax is imported only by `compress`, and by `decompress --device`.
"""

import argparse
import sys
import time

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.presets import NO_PRESET, PRESETS, preset_name
from rec_jax.codec.tiles import SMALL
from rec_jax.core.console import complain, flush_or_drop, say
from rec_jax.core.errors import BitstreamMismatch, RecError, WrongModel
from rec_jax.core.files import STANDARD, read_bytes, read_standard_input, write_bytes_atomic, write_standard_output
from rec_jax.core.interrupts import EXIT_CODE, prompt_interrupts
from rec_jax.core.messages import one_line
from rec_jax.core.outputs import check_output
from rec_jax.core.progress import progress_line
from rec_jax.core.units import bits_to_bpd
from rec_jax.version import __version__

_INTERRUPTED = "interrupted; nothing was written"
_PIPE_CLOSED = 141  # what a shell reports of a program whose reader has gone: 128 + SIGPIPE
_SMALL_MODEL, _LARGE_MODEL = "cifar10", "photos"  # for pictures up to SMALL x SMALL, and for others
_MAX_REC_BYTES = 6 * container.MAX_PIXELS + 64


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    argv: the words after `rec-jax`. By default the process's own; then Ctrl-C ends the process without waiting for
    anything that still runs in it.
    """
    if argv is not None:
        return _run(argv)
    with prompt_interrupts(f"rec-jax: {_INTERRUPTED}"):
        return _run(None)


def _run(argv: list[str] | None) -> int:
    try:
        arguments = _parser().parse_args(argv)
        arguments.run(arguments)
        return 0
    except KeyboardInterrupt:
        return _fail(_INTERRUPTED, code=EXIT_CODE)
    except RecError as error:
        return _fail(str(error))
    except BrokenPipeError:
        flush_or_drop()
        return _PIPE_CLOSED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(f"{where}{error.strerror or error}")
    except MemoryError:
        return _fail("not enough memory for this picture; cut it up")


def compress(arguments: argparse.Namespace) -> None:
    """`rec-jax compress IN OUT.rec`: any picture that read_image takes to a `.rec` file."""
    from rec_jax.codec.image_io import read_image

    start_s = time.perf_counter()
    check_output(arguments.output, arguments.input, arguments.force, suffix=".rec")
    image = read_image(arguments.input, drop_icc=arguments.drop_icc)
    model = arguments.model or default_model(image)
    codec = _open_codec(model, arguments.preset)
    with progress_line(f"rec-jax: {codec.progress_of}") as progress:
        data = codec.compress(image, progress=progress)
    if arguments.verify and not np.array_equal(codec.decompress(data), image):
        raise BitstreamMismatch(f"{arguments.input}: the file did not decode to its pixels; nothing was written")
    _deliver(arguments.output, data)
    header, _ = container.unpack(data)
    if header.kind == container.EMBEDDED:
        how = _embedded(header)
    else:
        how = f"model {model}" + (f", preset {arguments.preset}" if codec.searches else "")
    verified = ", verified" if arguments.verify else ""
    elapsed_s = time.perf_counter() - start_s
    _report(arguments.output, f"{_sizes(header, len(data))}, {how}{verified}, {elapsed_s:.1f} s")


def decompress(arguments: argparse.Namespace) -> None:
    """`rec-jax decompress IN.rec OUT.png`: the same pixels as a PNG."""
    from rec_jax.codec import codec_of
    from rec_jax.codec.embedded import unpack_embedded
    from rec_jax.codec.png import png_bytes

    start_s = time.perf_counter()
    check_output(arguments.output, arguments.input, arguments.force, suffix=".png")
    data, header, payload = _read_rec(arguments.input)
    if header.kind == container.EMBEDDED:
        image = unpack_embedded(header, payload)
    else:
        codec = codec_of(header, arguments.model)
        image = codec.on_device(arguments.device).decompress(data)
    _deliver(arguments.output, png_bytes(image))
    _report(arguments.output, f"{_sizes(header, len(data))}, exact, {time.perf_counter() - start_s:.1f} s")


def info(arguments: argparse.Namespace) -> None:
    """`rec-jax info IN.rec`: what the header says, without decoding."""
    data, header, stream = _read_rec(arguments.input)
    say(f"{_name(arguments.input)}: {_sizes(header, len(data))}")
    version, n_header = container.FORMAT_VERSION, len(data) - len(stream)
    say(f"  header {n_header} bytes, stream {len(stream)} bytes, format version {version}")
    if header.kind == container.EMBEDDED:
        say(f"  {_embedded(header)}: no model and no coder")
    else:
        name = _model_name(header)
        say(f"  model id {header.model_id:04x} ({name or 'not shipped'})")
        say(f"  {_method(header)}")
    say(f"  CRC-32 of the pixels {header.pixel_crc32:08x}")


def models(arguments: argparse.Namespace) -> None:
    """`rec-jax models`: the models inside the package, with their sizes and ids."""
    del arguments
    from rec_jax.codec.model_file import read_model_id, shipped_model_paths

    for name, path in shipped_model_paths().items():
        use = {_SMALL_MODEL: f", default up to {SMALL}x{SMALL}", _LARGE_MODEL: ", default for larger pictures"}
        say(f"{name}: {path.stat().st_size / 1e6:.1f} MB, id {read_model_id(path):04x}{use.get(name, '')}")


def default_model(image: np.ndarray) -> str:
    """Which shipped model `compress` takes for a picture [H, W, ...] where none is named."""
    return _SMALL_MODEL if max(image.shape[:2]) <= SMALL else _LARGE_MODEL


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="rec-jax", description="Lossless image compression by relative entropy coding.")
    parser.add_argument("--version", action="version", version=f"rec-jax {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("compress", help="picture to .rec")
    command.add_argument("input", metavar="IN", help="a picture: PNG, JPEG, WebP, BMP, GIF, TIFF, PPM; - for stdin")
    command.add_argument("output", metavar="OUT.rec", help="- for stdout")
    by_size = f"default: {_SMALL_MODEL} for a picture up to {SMALL}x{SMALL}, {_LARGE_MODEL} for a larger one"
    command.add_argument("--model", metavar="NAME|PATH", help=by_size)
    command.add_argument("--preset", choices=list(PRESETS), default="default", help="effort of the coder")
    command.add_argument(
        "--drop-icc", action="store_true", help="take the pixels without ICC profile or other colour tags"
    )
    command.add_argument("--verify", action="store_true", help="decode before writing and compare")
    command.add_argument("--force", action="store_true", help="replace OUT.rec if it exists")
    command.set_defaults(run=compress)

    command = commands.add_parser("decompress", help=".rec to PNG")
    command.add_argument("input", metavar="IN.rec", help="- for stdin")
    command.add_argument("output", metavar="OUT.png", help="- for stdout")
    command.add_argument("--model", metavar="NAME|PATH", help="default: the shipped model of the file's id")
    command.add_argument(
        "--device", metavar="cpu|gpu|tpu", help="walk the network under jax there; default: numpy, which needs no jax"
    )
    command.add_argument("--force", action="store_true", help="replace OUT.png if it exists")
    command.set_defaults(run=decompress)

    command = commands.add_parser("info", help="what a .rec file says about itself")
    command.add_argument("input", metavar="IN.rec", help="- for stdin")
    command.set_defaults(run=info)

    commands.add_parser("models", help="models inside the package").set_defaults(run=models)
    return parser


class _Parser(argparse.ArgumentParser):
    """A wrong command line is one line, like every other failure."""

    def error(self, message: str):
        self.exit(2, f"rec-jax: {message}; see {self.prog} --help\n")


def _open_codec(name_or_path: str, preset: str):
    """The codec of a model, with compiled functions kept on disk between runs; imports jax for one with latents."""
    from rec_jax.codec import load_codec

    codec = load_codec(name_or_path, preset)
    if not codec.searches:
        return codec
    try:
        from rec_jax.core.compilation import check_device, enable_compilation_cache
    except (ValueError, ImportError) as error:  # a JAX_... variable of the environment, or half an installation
        raise RecError(f"jax cannot be loaded ({one_line(error)}); mend the environment") from error
    check_device()
    enable_compilation_cache()
    return codec


def _model_name(header: container.Header) -> str | None:
    """The shipped model that wrote the file, or None."""
    from rec_jax.codec.model_file import find_model_name

    try:
        return find_model_name(header.model_id)
    except WrongModel:
        return None


def _method(header: container.Header) -> str:
    """How a model wrote the file."""
    number, split = header.method >> 4, header.method & 15
    if number == NO_PRESET:
        return "pixels alone, no latents and no preset"
    preset = preset_name(number)
    kind = f" (coder {PRESETS[preset]['kind']})" if preset in PRESETS else ""
    return f"preset {preset}{kind}, split {split}"


def _read_rec(path: str) -> tuple[bytes, container.Header, bytes]:
    """The bytes, header and stream of a `.rec` file; errors name the file."""
    data = read_standard_input(_MAX_REC_BYTES) if path == STANDARD else read_bytes(path, _MAX_REC_BYTES)
    try:
        return data, *container.unpack(data)
    except RecError as error:
        raise type(error)(f"{_name(path)}: {error}") from None


def _deliver(output: str, data: bytes) -> None:
    """Write a file, or standard output, whole."""
    if output == STANDARD:
        write_standard_output(data)
    else:
        write_bytes_atomic(output, data)


def _report(output: str, line: str) -> None:
    """Say what was written; a line that nobody can read is no failure, for the file is there."""
    if output == STANDARD:
        complain(f"rec-jax: {line}")
        return
    try:
        say(f"{output}: {line}")
    except OSError as error:
        flush_or_drop()
        if not isinstance(error, BrokenPipeError):
            complain(f"rec-jax: {output} is written; standard output: {error.strerror}")


def _name(path: str) -> str:
    return "standard input" if path == STANDARD else path


def _embedded(header: container.Header) -> str:
    """What a file without a model holds."""
    from rec_jax.codec.fallback import KIND_NAMES

    return f"embedded {KIND_NAMES[header.method]}" if header.method < len(KIND_NAMES) else "embedded, unknown format"


def _sizes(header: container.Header, n_bytes: int) -> str:
    kind = "grey" if header.grey else "colour"
    rate_bpd = bits_to_bpd(8 * n_bytes, header.n_dims)
    size = f"{header.width}x{header.height} {kind}"
    return f"{size}, {n_bytes} bytes for {header.n_dims} raw, {rate_bpd:.3f} bits/dim"


def _fail(line: str, code: int = 1) -> int:
    complain(f"rec-jax: {line}")
    flush_or_drop()
    return code


if __name__ == "__main__":
    sys.exit(main())

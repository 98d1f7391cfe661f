"""The words of `rec-jax compress` that make a lossy file."""

import argparse
from typing import TYPE_CHECKING, Any

from rec_jax.codec.base import FileCodec
from rec_jax.codec.defaults import LOSSY_MODEL
from rec_jax.core.errors import ConfigError

if TYPE_CHECKING:
    from rec_jax.codec.curve import CurveCodec
    from rec_jax.codec.rate_control import Aim

_AIMS = ("quality", "multiplier", "max_bytes", "psnr_db")  # fields of an Aim


def add_options(command: argparse.ArgumentParser) -> None:
    """Adds them; each of the aims implies --lossy."""
    command.add_argument("--lossy", action="store_true", help=f"not the exact pixels; default model: {LOSSY_MODEL}")
    aims = command.add_mutually_exclusive_group()
    aims.add_argument("--quality", type=int, metavar="Q", help="lossy: 0 (smallest) to 100; default: 50")
    aims.add_argument("--lambda", type=float, metavar="L", dest="multiplier", help="lossy: by the Lagrange multiplier")
    aims.add_argument("--max-bytes", type=int, metavar="N", help="lossy, or exact where that fits: several passes")
    aims.add_argument(
        "--target-psnr", type=float, metavar="DB", dest="psnr_db", help="lossy: the smallest that has so many decibels"
    )


def aim_of(arguments: argparse.Namespace) -> "Aim | None":
    """What is asked for; None: no loss. What no file can be ends the program, as a wrong command line does."""
    aims: dict[str, Any] = {name: getattr(arguments, name) for name in _AIMS}
    if not arguments.lossy and all(value is None for value in aims.values()):
        return None
    from rec_jax.codec.rate_control import Aim

    try:
        return Aim(**aims)
    except ConfigError as error:
        arguments.usage_error(str(error))


def compress(codec: FileCodec, aim: "Aim", image: Any, progress: Any = None) -> bytes:
    """The file of one picture."""
    return aim.encode(curve_codec(codec), image, progress).blob


def curve_codec(codec: FileCodec) -> "CurveCodec":
    """The codec that open_codec gave for lossy files."""
    from rec_jax.codec.curve import CurveCodec

    assert isinstance(codec, CurveCodec), "as open_codec saw to"
    return codec

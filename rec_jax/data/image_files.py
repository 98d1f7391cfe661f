"""Picture files to pixels, exactly or refused by name; and where picture files lie.

What is kept, dropped and refused is one policy for all formats: rec_jax/data/formats/__init__.py.
"""

import os
import pathlib
import re

import numpy as np
from absl import logging
from PIL import Image

from rec_jax.core.errors import CorruptFile, MissingFile, UnsupportedImage
from rec_jax.core.files import read_bytes
from rec_jax.data import formats
from rec_jax.data.pixels import decode

SUFFIXES = (".apng", ".bmp", ".dib", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm")
SUFFIXES += (".tif", ".tiff", ".webp")
MAX_BYTES = 2**31  # of a file; the largest picture that Pillow takes has 0.7 GB uncompressed
_NAMED = 5  # files that are left out, in a message
_UNREADABLE = re.compile(r"unsupported|not supported|unknown pixel|data organization|not available", re.IGNORECASE)


def list_images(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the image files below `folder`, hidden ones left out, sorted by their relative path.

    What else lies there is named in a warning. Raises MissingFile if there is no such folder or no image in it.
    """
    if not folder.is_dir():
        raise MissingFile(f"no folder {folder}")
    names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
    found = {name: path for name, path in names.items() if is_image_name(name) and path.is_file()}
    if not found:
        raise MissingFile(f"no image in {folder}; looked for {', '.join(SUFFIXES)} there and in its subfolders")
    if left_out := sorted(names.keys() - found.keys()):
        more = f" and {len(left_out) - _NAMED} more" if len(left_out) > _NAMED else ""
        logging.warning("%s: not taken as images: %s%s", folder, ", ".join(left_out[:_NAMED]), more)
    return [path for _, path in sorted(found.items())]


def is_image_name(name: str) -> bool:
    """Tells whether a relative path ends like an image and no part of it is hidden."""
    return name.lower().endswith(SUFFIXES) and not any(part.startswith(".") for part in name.split("/"))


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """Returns a file's pixels as data sets take them, uint8 [H, W, 3]: grey repeated, colour profiles ignored."""
    return read_image(path, ignore_icc=True, repeat_grey=True)


def decode_rgb(data: bytes, label: str, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns what read_rgb does of a picture in memory; `label` says in messages which picture it is."""
    return decode_image(data, label, ignore_icc=True, repeat_grey=True, size=size)


def read_image(
    path: str | os.PathLike, ignore_icc: bool = False, repeat_grey: bool = False, deep: bool = False
) -> np.ndarray:
    """Returns the pixels of a picture file as decode_image does; MissingFile if it cannot be opened."""
    try:
        data = read_bytes(path, MAX_BYTES)
    except OSError as error:
        raise MissingFile(f"cannot read {os.fspath(path)}: {error.strerror}; check it and its permissions") from error
    return decode_image(data, os.fspath(path), ignore_icc, repeat_grey, deep)


def decode_image(
    data: bytes,
    label: str,
    ignore_icc: bool = False,
    repeat_grey: bool = False,
    deep: bool = False,
    size: tuple[int, int] | None = None,
) -> np.ndarray:
    """Returns the pixels of an encoded picture: uint8 [H, W, 3], or [H, W] if it is grey and repeat_grey is False.

    ignore_icc: take colours with a profile or another meaning than sRGB's as they are.
    deep: give a picture of 16 bits per colour as uint16; without, it is refused.
    size: (width, height) that it must have, which is looked at before anything is decoded.

    Raises UnsupportedImage for a kind that cannot be kept exactly or is too large, CorruptFile for what is truncated,
    damaged, no picture or of another size. One line: `label`, what it has, what to do.
    """
    try:
        image = decode(_inspected(data), ignore_icc, deep, size)
    except MemoryError:
        raise
    except UnsupportedImage as error:
        raise UnsupportedImage(f"{label} {error}") from None
    except _NoPicture as error:
        raise CorruptFile(f"{label} is {error}; replace or remove it") from None
    except Image.DecompressionBombError:
        raise UnsupportedImage(
            f"{label} is too large, over {2 * (Image.MAX_IMAGE_PIXELS or 0)} pixels; cut it up"
        ) from None
    except Image.UnidentifiedImageError:
        raise CorruptFile(f"{label} is damaged or of a kind that cannot be read; replace or remove it") from None
    except Exception as error:  # decoders raise almost any type on damaged files
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        if _UNREADABLE.search(reason):
            raise UnsupportedImage(f"{label} is of a kind that cannot be read ({reason}); save it as a PNG") from None
        raise CorruptFile(f"{label} is truncated or damaged ({reason}); replace or remove it") from error
    return np.repeat(image[..., None], 3, axis=2) if repeat_grey and image.ndim == 2 else image


class _NoPicture(Exception):
    pass


def _inspected(data: bytes) -> formats.Found:
    if not data:
        raise _NoPicture("an empty file")
    found = formats.inspect(data)
    if found is None:
        raise _NoPicture(f"not a picture that can be read (have {', '.join(formats.NAMES)})")
    return found

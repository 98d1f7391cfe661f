"""Image files to RGB pixels, exactly or not at all."""

import io
import pathlib
import struct

import numpy as np
from PIL import Image, ImageOps

from rec_jax.core import errors

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
_UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def list_images(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the image files below `folder`, hidden ones left out, sorted by their relative path.

    Raises MissingFile if there is no such folder or no image in it.
    """
    if not folder.is_dir():
        raise errors.MissingFile(f"no folder {folder}")
    found = [
        path for path in folder.rglob("*") if is_image_name(path.relative_to(folder).as_posix()) and path.is_file()
    ]
    if not found:
        raise errors.MissingFile(f"no image in {folder}; looked for {', '.join(SUFFIXES)} there and in its subfolders")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def is_image_name(name: str) -> bool:
    """Tells whether a relative path ends like an image and no part of it is hidden."""
    return name.lower().endswith(SUFFIXES) and not any(part.startswith(".") for part in name.split("/"))


def read_rgb(path: pathlib.Path) -> np.ndarray:
    """Returns a file's pixels as decode_rgb does; MissingFile if it cannot be opened."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise errors.MissingFile(f"cannot read {path}: {error.strerror}") from error
    return decode_rgb(data, str(path))


def decode_rgb(data: bytes, label: str) -> np.ndarray:
    """Returns the pixels of an encoded image as uint8 [H, W, 3], turned as EXIF says; colour profiles are ignored.

    Grey, 1-bit, palette and fully opaque images are repeated or looked up exactly. What would lose something
    (transparency, 16 bits, CMYK, animation) raises UnsupportedImage; what is no readable image raises CorruptFile.
    `label` says in the message which image it is.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            kind = _unsupported_kind(image)
            if kind is None:
                image.load()
                image = ImageOps.exif_transpose(image)
                rgb = _opaque(image).convert("RGB") if _has_alpha(image) else image.convert("RGB")
                return np.asarray(rgb)
    except _TransparentPixels:
        kind = "has transparent pixels"
    except _UNREADABLE as error:
        reason = "empty file" if not data else " ".join(str(error).split())
        raise errors.CorruptFile(f"{label} is not a readable image ({reason[:120]}); remove or replace it") from error
    raise errors.UnsupportedImage(f"{label} {kind}; data sets take 8-bit grey or RGB images: remove or convert it")


class _TransparentPixels(Exception):
    """An alpha channel that is not opaque everywhere."""


def _unsupported_kind(image: Image.Image) -> str | None:
    """Returns what cannot become 8-bit RGB without loss, by the header alone, or None."""
    if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":  # a phone's MPO holds previews after the picture
        return "is animated or has several pages"
    if any(_is_deep(codec, args) for codec, *_, args in image.tile):  # Pillow would cut these to 8 bits in silence
        return "has more than 8 bits a channel"
    if image.mode not in ("1", "L", "P", "RGB", "LA", "PA", "RGBA"):
        return f"has pixels of kind {image.mode}"
    return None


def _is_deep(codec: str, args: object) -> bool:
    """Reads a Pillow tile: raw modes of PNG and TIFF look like 'RGB;16B'; a PPM gives its highest value."""
    return ";16" in str(args) or (codec == "ppm" and isinstance(args, tuple) and args[-1] > 255)


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info


def _opaque(image: Image.Image) -> Image.Image:
    rgba = image.convert("RGBA")
    if rgba.getchannel("A").getextrema()[0] < 255:
        raise _TransparentPixels
    return rgba

"""Picture files to pixels, exactly or refused by name; and where picture files lie.

What is read: PNG, JPEG, WebP, BMP, GIF, TIFF and PPM/PGM/PBM with at most 8 bits per colour, grey, colour or
palette, one frame. 1-, 2- and 4-bit pictures come out as the 8-bit values that viewers show. An alpha channel
(or a palette with alpha) that is opaque everywhere says nothing and is dropped; any other transparency is
refused. EXIF orientation is applied. An ICC profile changes what the numbers mean, so it is refused unless the
caller ignores it. A multi-picture JPEG (MPO) gives its first picture, the one that viewers show, when the others
are previews or gain maps; views of one scene (stereo, panorama) are frames, and refused. Only pixels are kept:
text, dates and resolution are not.
"""

import io
import os
import pathlib

import numpy as np
from PIL import Image, ImageOps

from rec_jax.core.errors import CorruptFile, MissingFile, UnsupportedImage
from rec_jax.core.files import read_bytes

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
_MAX_BYTES = 2**31  # of a file; the largest picture that Pillow takes has 0.7 GB uncompressed
_MODES = {  # refused kinds, by what Pillow calls them
    "I": "more than 8 bits per colour",
    "I;16": "16 bits per colour",
    "I;16B": "16 bits per colour",
    "I;16L": "16 bits per colour",
    "F": "floating-point colours",
    "CMYK": "CMYK colours",
    "YCbCr": "YCbCr colours",
    "LAB": "Lab colours",
    "HSV": "HSV colours",
}
_SAVE_AS = "save it as an 8-bit RGB or grey PNG first"


def list_images(folder: pathlib.Path) -> list[pathlib.Path]:
    """Returns the image files below `folder`, hidden ones left out, sorted by their relative path.

    Raises MissingFile if there is no such folder or no image in it.
    """
    if not folder.is_dir():
        raise MissingFile(f"no folder {folder}")
    found = [
        path for path in folder.rglob("*") if is_image_name(path.relative_to(folder).as_posix()) and path.is_file()
    ]
    if not found:
        raise MissingFile(f"no image in {folder}; looked for {', '.join(SUFFIXES)} there and in its subfolders")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def is_image_name(name: str) -> bool:
    """Tells whether a relative path ends like an image and no part of it is hidden."""
    return name.lower().endswith(SUFFIXES) and not any(part.startswith(".") for part in name.split("/"))


def read_rgb(path: str | os.PathLike) -> np.ndarray:
    """Returns a file's pixels as data sets take them, uint8 [H, W, 3]: grey repeated, colour profiles ignored."""
    return read_image(path, ignore_icc=True, repeat_grey=True)


def decode_rgb(data: bytes, label: str) -> np.ndarray:
    """Returns what read_rgb does of a picture in memory; `label` says in messages which picture it is."""
    return decode_image(data, label, ignore_icc=True, repeat_grey=True)


def read_image(path: str | os.PathLike, ignore_icc: bool = False, repeat_grey: bool = False) -> np.ndarray:
    """Returns the pixels of a picture file as decode_image does; MissingFile if it cannot be opened."""
    try:
        data = read_bytes(path, _MAX_BYTES)
    except OSError as error:
        raise MissingFile(f"cannot read {os.fspath(path)}: {error.strerror}; check it and its permissions") from error
    return decode_image(data, os.fspath(path), ignore_icc, repeat_grey)


def decode_image(data: bytes, label: str, ignore_icc: bool = False, repeat_grey: bool = False) -> np.ndarray:
    """Returns the pixels of an encoded picture: uint8 [H, W, 3], or [H, W] if it is grey and repeat_grey is False.

    Raises UnsupportedImage for a kind that cannot be kept exactly (transparency, 16 bits, CMYK, several frames, an
    ICC profile without ignore_icc) or is too large, CorruptFile for what is truncated, damaged or no picture. One
    line: `label`, what it has, what to do.
    """
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            image = np.asarray(_exact(picture, ignore_icc))
    except MemoryError:
        raise
    except UnsupportedImage as error:
        raise UnsupportedImage(f"{label} {error}") from None
    except Image.DecompressionBombError:
        raise UnsupportedImage(f"{label} is too large, over {2 * Image.MAX_IMAGE_PIXELS} pixels; cut it up") from None
    except Image.UnidentifiedImageError:
        what = f"not a picture that can be read (have {', '.join(_FORMATS)})" if data else "an empty file"
        raise CorruptFile(f"{label} is {what}; replace or remove it") from None
    except Exception as error:  # Pillow's decoders raise almost any type on damaged files
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise CorruptFile(f"{label} is truncated or damaged ({reason}); replace or remove it") from error
    return np.repeat(image[..., None], 3, axis=2) if repeat_grey and image.ndim == 2 else image


def _exact(picture: Image.Image, ignore_icc: bool) -> Image.Image:
    """The picture in mode L or RGB, decoded after everything that can be refused from the header was refused."""
    if _n_frames(picture) > 1:
        raise UnsupportedImage(f"has {picture.n_frames} frames or pages; save the one wanted as a PNG first")
    if picture.mode in _MODES:
        raise UnsupportedImage(f"has {_MODES[picture.mode]}; {_SAVE_AS}")
    if _bits_per_colour(picture) > 8:
        raise UnsupportedImage(f"has {_bits_per_colour(picture)} bits per colour; {_SAVE_AS}")
    if picture.info.get("icc_profile") and not ignore_icc:
        raise UnsupportedImage("has an ICC profile, which is not kept; add --drop-icc, or convert to sRGB first")
    if picture.format == "GIF" and tuple(picture.tile[0][1]) != (0, 0, *picture.size):
        raise UnsupportedImage(f"has a frame that does not cover the picture; {_SAVE_AS}")
    picture.load()
    if "transparency" in picture.info and picture.mode in ("1", "L", "RGB"):
        raise UnsupportedImage(f"has a transparent colour; {_SAVE_AS}")
    return _opaque(ImageOps.exif_transpose(picture))


def _opaque(picture: Image.Image) -> Image.Image:
    """The picture in mode L or RGB with the same colours, or UnsupportedImage."""
    match picture.mode:
        case "L" | "RGB":
            return picture
        case "1":
            return picture.convert("L")
        case "P" if not picture.has_transparency_data:
            return picture.convert("RGB")
        case "P" | "PA" | "LA" | "RGBA":
            flat = picture if picture.mode == "LA" else picture.convert("RGBA")
            if flat.getchannel("A").getextrema()[0] < 255:
                raise UnsupportedImage(f"has transparent pixels, which are not kept; {_SAVE_AS}")
            return flat.convert("L" if picture.mode == "LA" else "RGB")
        case other:
            raise UnsupportedImage(f"has the pixel format {other}; {_SAVE_AS}")


def _n_frames(picture: Image.Image) -> int:
    """Pictures in the file, 1 for an MPO unless its index (tag 0xB002) declares views of one scene."""
    if picture.format == "MPO" and not any(
        entry["Attribute"]["MPType"].startswith("Multi-Frame") for entry in picture.mpinfo[0xB002]
    ):
        return 1
    return getattr(picture, "n_frames", 1)


def _bits_per_colour(picture: Image.Image) -> int:
    """Bits in the file where Pillow would cut them down to 8 without a word (16-bit RGB)."""
    match picture.format:
        case "PNG":
            return 16 if picture.tile and ";16" in str(picture.tile[0][3]) else 8
        case "TIFF":
            return max(picture.tag_v2.get(258, (8,)))
        case "PPM":
            numbers = [arg for tile in picture.tile for arg in tile[3] if isinstance(arg, int)]
            return max([8, *(number.bit_length() for number in numbers)])
        case _:
            return 8

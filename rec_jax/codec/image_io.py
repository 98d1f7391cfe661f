"""Reading pictures exactly or refusing them by name, and writing PNG.

What is read: PNG, JPEG, WebP, BMP, GIF, TIFF and PPM/PGM/PBM with at most 8 bits per colour, grey, colour or
palette, one frame. 1-, 2- and 4-bit pictures come out as the 8-bit values that viewers show. An alpha channel
(or a palette with alpha) that is opaque everywhere says nothing and is dropped; any other transparency is
refused. EXIF orientation is applied. An ICC profile changes what the numbers mean, so it is refused unless it
is dropped on request. Only pixels are kept: text, dates and resolution are not.
"""

import io
import os
import warnings

import numpy as np
from PIL import Image, ImageOps

from rec_jax.codec.container import MAX_PIXELS
from rec_jax.core.errors import MissingFile, UnsupportedImage
from rec_jax.core.files import write_bytes_atomic

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
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


def read_image(path: str | os.PathLike, drop_icc: bool = False) -> np.ndarray:
    """The pixels of a picture file: uint8 [H, W, 3], or [H, W] if it is grey.

    Raises MissingFile, or UnsupportedImage in one sentence for what cannot be kept exactly (transparency, 16
    bits, CMYK, several frames, ICC profile without drop_icc), is too large, truncated or no picture.
    """
    name = os.fspath(path)
    if not os.path.exists(name):
        raise MissingFile(f"{name}: no such file")
    if not os.path.isfile(name):
        raise UnsupportedImage(f"{name} is a directory or a device, not a picture")
    with open(name, "rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sizes (Pillow raises above its limit) and odd metadata
        try:
            with Image.open(file, formats=_FORMATS) as picture:
                return _pixels(picture, drop_icc)
        except UnsupportedImage as error:
            raise UnsupportedImage(f"{name}: {error}") from None
        except Image.DecompressionBombError:
            raise UnsupportedImage(f"{name}: too large a picture (a decompression bomb?); cut it up") from None
        except Image.UnidentifiedImageError:
            raise UnsupportedImage(f"{name}: not a picture that can be read; have {', '.join(_FORMATS)}") from None
        except Exception as error:  # Pillow's decoders raise almost any type on damaged files
            reason = " ".join(str(error).split()) or type(error).__name__
            raise UnsupportedImage(f"{name}: truncated or damaged picture ({reason})") from None


def write_png(path: str | os.PathLike, image: np.ndarray) -> None:
    """Write uint8 [H, W] or [H, W, 3] as PNG, whole or not at all (see write_bytes_atomic)."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    write_bytes_atomic(path, buffer.getbuffer())


def _pixels(picture: Image.Image, drop_icc: bool) -> np.ndarray:
    """Decode after everything that can be refused from the header was refused."""
    if picture.width * picture.height > MAX_PIXELS:
        raise UnsupportedImage(f"has {picture.width} x {picture.height} pixels; at most {MAX_PIXELS} are taken")
    if getattr(picture, "n_frames", 1) > 1:
        raise UnsupportedImage(f"holds {picture.n_frames} frames or pages; save the one wanted as a PNG first")
    if picture.mode in _MODES:
        raise UnsupportedImage(f"has {_MODES[picture.mode]}; {_SAVE_AS}")
    if _bits_per_colour(picture) > 8:
        raise UnsupportedImage(f"has {_bits_per_colour(picture)} bits per colour; {_SAVE_AS}")
    if picture.info.get("icc_profile") and not drop_icc:
        raise UnsupportedImage("has an ICC profile, which is not kept; add --drop-icc, or convert to sRGB first")
    if picture.format == "GIF" and tuple(picture.tile[0][1]) != (0, 0, *picture.size):
        raise UnsupportedImage(f"has a frame that does not cover the picture; {_SAVE_AS}")
    picture.load()
    if "transparency" in picture.info and picture.mode in ("1", "L", "RGB"):
        raise UnsupportedImage(f"declares a transparent colour; {_SAVE_AS}")
    return np.asarray(_opaque(ImageOps.exif_transpose(picture)))


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

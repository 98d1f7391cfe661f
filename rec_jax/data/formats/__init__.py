"""What a picture file says beside its pixels, format by format; the policy for all of them stands here.

Pixels are exact or refused; where some are missing, which a decoder may make up, the file is damaged. What is kept:
every colour value of pictures with up to 8 or with 16 bits per colour, grey, colour or palette. Pictures with fewer
than 8 bits come out as the 8-bit values that viewers show, which are as many. Refused by name: other depths, also in a
palette, signed and floating-point values, CMYK and other colour spaces, transparency that says anything, channels
without a meaning, several frames, pages or pictures in one file.

Colour meaning is that of sRGB. What says otherwise is refused unless the caller ignores it, because the numbers alone
would then show other colours: an ICC profile (any), cICP, gAMA or cHRM of a PNG, the colour space of EXIF (Adobe RGB),
transfer function and primaries of a TIFF, calibrated colours of a BMP. The same values as sRGB's are no news.

Orientation (EXIF, TIFF) is applied to the pixels: viewers show the picture so. One that cannot be read is none.

Everything else is dropped: text, dates, XMP, thumbnails, previews and gain maps of a multi-picture JPEG, resolution,
background colour, rendering intent. None of it can make a picture unreadable, because the decoder never sees it: only
damage of pixels is damage.
"""

from collections.abc import Callable

from rec_jax.core.errors import UnsupportedImage
from rec_jax.data.formats import bmp, gif, jpeg, netpbm, png, tiff, webp
from rec_jax.data.formats.found import Found

NAMES = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")


def inspect(data: bytes) -> Found | None:
    """What a file holds, None if it is of no format that is read.

    Raises UnsupportedImage or CorruptFile that say what is wrong, without the file's name.
    """
    reader = _reader(data)
    return reader(data) if reader else None


def _reader(data: bytes) -> Callable[[bytes], Found] | None:
    match data[:2]:
        case b"\x89P" if data.startswith(png.SIGNATURE):
            return png.inspect
        case b"\xff\xd8":
            return jpeg.inspect
        case b"RI" if data[8:12] == b"WEBP":
            return webp.inspect
        case b"BM":
            return bmp.inspect
        case b"GI" if data[:6] in (b"GIF87a", b"GIF89a"):
            return gif.inspect
        case b"II" | b"MM" if data[2:4] in (b"*\0", b"\0*", b"+\0", b"\0+"):
            return tiff.inspect
        case b"P1" | b"P2" | b"P3" | b"P4" | b"P5" | b"P6":
            return netpbm.inspect
        case b"P7" | b"Pf" | b"PF" | b"PH" if data[2:3].isspace():
            raise UnsupportedImage(f"is of the Netpbm kind {data[:2].decode()}; save it as a PNG first")
        case _:
            return None

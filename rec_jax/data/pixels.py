"""The pixels of a picture file that was looked at: decoded, without an alpha channel that says nothing, and turned."""

import io

import numpy as np
from PIL import Image, ImageFile

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.formats import NAMES, Found

_MODES = {  # refused kinds, by what Pillow calls them
    "I": "more than 8 bits per colour",
    "F": "floating-point colours",
    "CMYK": "CMYK colours",
    "YCbCr": "YCbCr colours",
    "LAB": "Lab colours",
    "HSV": "HSV colours",
}
_SAVE_AS = "save it as an 8-bit RGB or grey PNG first"
_OTHER_HALF = {"L": "B", "B": "L"}


def decode(found: Found, ignore_colour: bool, deep: bool, size: tuple[int, int] | None) -> np.ndarray:
    """uint8 or, of a deep picture, uint16 pixels [H, W, 3], or [H, W] of a grey one.

    Raises UnsupportedImage, CorruptFile, and whatever Pillow raises on damage.
    """
    if found.colour and not ignore_colour:
        raise UnsupportedImage(f"has {found.colour}, which is not kept; add --drop-icc, or convert to sRGB first")
    if found.deep and not deep:
        raise UnsupportedImage(f"has 16 bits per colour; {_SAVE_AS}")
    if found.pixels is not None:
        _check_size(size, found.size)
        return turned(found.pixels, found.orientation)
    with Image.open(io.BytesIO(found.data), formats=NAMES) as picture:
        _check_size(size, picture.size)
        _refuse_kind(picture)
        found.check()
        if found.paired:
            pixels = _opaque_deep(np.ascontiguousarray(np.asarray(picture)).view(">u2").astype(np.uint16))
        elif found.deep and not picture.mode.startswith("I;16"):
            pixels = _opaque_deep(_two_halves(picture, found.data))
        elif found.deep:
            pixels = np.asarray(picture).astype(np.uint16)
        else:
            picture.load()
            _check_indices(picture, found.n_colours)
            pixels = np.asarray(_opaque(picture))
    return turned(~pixels if found.inverted else pixels, found.orientation)


def turned(image: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels as EXIF's orientation 1 to 8 says that they are shown."""
    image = np.swapaxes(image, 0, 1) if orientation >= 5 else image
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _check_size(wanted: tuple[int, int] | None, size: tuple[int, int]) -> None:
    if wanted is not None and wanted != size:
        raise CorruptFile(f"it is {size[0]}x{size[1]}, not {wanted[0]}x{wanted[1]}")


def _refuse_kind(picture: ImageFile.ImageFile) -> None:
    if (n_frames := getattr(picture, "n_frames", 1)) > 1:
        raise UnsupportedImage(f"has {n_frames} frames or pages; save the one wanted as a PNG first")
    if picture.mode in _MODES:
        raise UnsupportedImage(f"has {_MODES[picture.mode]}; {_SAVE_AS}")
    if picture.format == "GIF" and tuple(picture.tile[0][1] or ()) != (0, 0, *picture.size):
        raise UnsupportedImage(f"has a frame that does not cover the picture; {_SAVE_AS}")


def _check_indices(picture: ImageFile.ImageFile, n_colours: int) -> None:
    """CorruptFile for an index beyond the palette, which Pillow shows in some colour; mode L: where they are alike."""
    if n_colours and picture.mode in ("P", "L", "1") and (index := int(np.max(np.asarray(picture)))) >= n_colours:
        raise CorruptFile(f"it has colour {index}, beyond its palette of {n_colours}")


def _two_halves(picture: ImageFile.ImageFile, data: bytes) -> np.ndarray:
    """uint16 colours, of which Pillow keeps only the high bytes: decoded once more with the order of bytes exchanged.

    Pillow's unpackers RGB;16L and RGB;16B take one byte of each pair; RGB;16N is the machine's own order.
    """
    (_, _, _, arguments), *_ = picture.tile
    assert arguments, "a decoder of 16 bits says their order"
    rawmode = arguments if isinstance(arguments, str) else arguments[0]
    order = ("L" if np.little_endian else "B") if rawmode[-1] == "N" else rawmode[-1]
    high = np.asarray(picture)
    with Image.open(io.BytesIO(data), formats=NAMES) as again:
        again.tile = [tile._replace(args=_exchanged(tile.args, _OTHER_HALF[order])) for tile in again.tile]
        low = np.asarray(again)
    return high.astype(np.uint16) << 8 | low


def _exchanged(arguments, order: str):
    if isinstance(arguments, str):
        return arguments[:-1] + order
    return (arguments[0][:-1] + order, *arguments[1:])


def _opaque_deep(image: np.ndarray) -> np.ndarray:
    """uint16 [H, W, C] without its alpha, the last of 2 or 4 channels."""
    n_channels = image.shape[2] if image.ndim == 3 else 1
    if n_channels in (2, 4):
        if image[..., -1].min() < 65535:
            raise UnsupportedImage(f"has transparent pixels, which are not kept; {_SAVE_AS}")
        image = image[..., :-1]
    return image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image


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
            if np.asarray(flat.getchannel("A")).min() < 255:
                raise UnsupportedImage(f"has transparent pixels, which are not kept; {_SAVE_AS}")
            return flat.convert("L" if picture.mode == "LA" else "RGB")
        case other:
            raise UnsupportedImage(f"has the pixel format {other}; {_SAVE_AS}")

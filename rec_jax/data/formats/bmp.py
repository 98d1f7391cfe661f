"""BMP: what its header says of colours, the fourth byte of a pixel, and pictures with a palette, which are read here.

Pillow takes 4 or 8 bits a pixel for 1 or 8 where it finds the palette to be black and white or greys.
"""

import struct

import numpy as np

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.formats.found import MAX_PIXELS, SRGB_PRIMARIES, Found, is_srgb, several

_CALIBRATED, _LINKED, _EMBEDDED = 0, 0x4C494E4B, 0x4D424544  # colour spaces of the headers of 108 and 124 bytes
_PLAIN, _RUNS_OF_8, _RUNS_OF_4 = 0, 1, 2  # compressions


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    if len(data) < 54:
        return Found((0, 0), data)
    file_size, _, pixels_at, header_size = struct.unpack_from("<IIII", data, 2)
    if header_size < 40:
        return Found((0, 0), data)  # of OS/2: 24 bits, or a palette of the full size
    width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    if 54 < file_size < len(data) and data[file_size : file_size + 2] == b"BM":
        raise UnsupportedImage(several("several", "pictures"))
    if depth == 32 and compression == _PLAIN:
        _check_fourth(data[pixels_at : pixels_at + 4 * abs(width * height)])
    size, colour = (width, abs(height)), _colour(data, header_size)
    if depth not in (1, 4, 8) or compression not in (_PLAIN, _RUNS_OF_8, _RUNS_OF_4):
        return Found(size, data, colour=colour)
    start = 14 + header_size
    n_colours = struct.unpack_from("<I", data, 46)[0] or 1 << depth
    if pixels_at in (0, start):  # as Pillow has it
        pixels_at = start + 4 * n_colours
    n_colours = min(n_colours, max(0, pixels_at - start) // 4)
    if not n_colours:
        raise CorruptFile("it has no palette")
    if compression == _PLAIN:
        palette = np.frombuffer(data[start : start + 4 * n_colours], np.uint8)
        indices = _indices(data, pixels_at, width, height, depth)
        return Found(size, pixels=_coloured(indices, palette[: len(palette) // 4 * 4]), colour=colour)
    if n_colours <= 2:  # with a third colour, which none has, Pillow takes them for indices of 8 bits
        data = data[:10] + struct.pack("<I", pixels_at) + data[14:46] + struct.pack("<I", 3) + data[50:]
    return Found(size, data, colour=colour, n_colours=n_colours)


def _indices(data: bytes, start: int, width: int, height: int, depth: int) -> np.ndarray:
    """uint8 [H, W] of a picture without compression; a negative height: from the top down."""
    n_rows, row_bytes = abs(height), (width * depth + 31) // 32 * 4
    if not 0 < width * n_rows <= MAX_PIXELS:
        what = f"is too large, over {MAX_PIXELS} pixels; cut it up" if width * n_rows > 0 else "has no pixel"
        raise UnsupportedImage(what)
    missing, filling = start + n_rows * row_bytes - len(data), row_bytes - -(-width * depth // 8)
    if missing > filling:
        raise CorruptFile(f"{missing - filling} bytes are missing")
    data += bytes(max(0, missing))
    rows = np.frombuffer(data, np.uint8, n_rows * row_bytes, start).reshape(n_rows, row_bytes)
    rows = rows if height < 0 else rows[::-1]
    if depth == 1:
        return np.unpackbits(rows, axis=1, count=width)
    return (rows if depth == 8 else np.stack([rows >> 4, rows & 15], axis=2).reshape(n_rows, -1))[:, :width]


def _coloured(indices: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Pixels of a palette of blue, green, red and a byte; grey ones where it says no more than the indices do."""
    colours = palette.reshape(-1, 4)[:, 2::-1]
    if (index := int(indices.max())) >= len(colours):
        raise CorruptFile(f"it has colour {index}, beyond its palette of {len(colours)}")
    greys = np.array([0, 255]) if len(colours) == 2 else np.arange(len(colours))
    return (colours[:, 0] if (colours == greys[:, None]).all() else colours)[indices]


def _check_fourth(pixels: bytes) -> None:
    """The fourth byte of a pixel means nothing by the format and alpha by custom: it must say nothing."""
    fourth = np.frombuffer(pixels[: len(pixels) // 4 * 4], np.uint8)[3::4]
    if fourth.size and not (np.max(fourth) == 0 or np.min(fourth) == 255):
        raise UnsupportedImage("has a fourth channel, which is not kept; save it as an 8-bit RGB PNG first")


def _colour(data: bytes, header_size: int) -> str:
    if header_size < 108 or len(data) < 14 + 108:
        return ""
    (space,) = struct.unpack_from("<I", data, 14 + 56)
    if space in (_LINKED, _EMBEDDED):
        return "an ICC profile"
    xyz = np.array(struct.unpack_from("<9i", data, 14 + 60)) / 2**30
    gammas = np.array(struct.unpack_from("<3I", data, 14 + 96)) / 2**16
    if space != _CALIBRATED:
        return ""
    if xyz.any():
        sums = xyz.reshape(3, 3).sum(axis=1, keepdims=True)
        xy = xyz.reshape(3, 3)[:, :2] / np.where(sums == 0, 1, sums)
        if not is_srgb(tuple(xy.ravel()), SRGB_PRIMARIES):
            return "calibrated colours"
    inverse = np.where(gammas > 1, gammas, 1 / np.where(gammas == 0, 1 / 2.2, gammas))
    return "" if ((inverse >= 2.1) & (inverse <= 2.3)).all() else "a gamma other than sRGB's"

"""BMP: what its header says of colours, and the fourth byte of a pixel."""

import struct

import numpy as np

from rec_jax.core.errors import UnsupportedImage
from rec_jax.data.formats.found import SRGB_PRIMARIES, Found, is_srgb, several

_CALIBRATED, _LINKED, _EMBEDDED = 0, 0x4C494E4B, 0x4D424544  # colour spaces of the headers of 108 and 124 bytes
_PLAIN = 0  # compression


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    if len(data) < 54:
        return Found((0, 0), data)
    file_size, _, pixels_at, header_size = struct.unpack_from("<IIII", data, 2)
    if header_size < 40:
        return Found((0, 0), data)
    width, height, _, depth, compression = struct.unpack_from("<iiHHI", data, 18)
    if 54 < file_size < len(data) and data[file_size : file_size + 2] == b"BM":
        raise UnsupportedImage(several("several", "pictures"))
    if depth == 32 and compression == _PLAIN:
        _check_fourth(data[pixels_at : pixels_at + 4 * abs(width * height)])
    return Found((width, abs(height)), data, colour=_colour(data, header_size))


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

"""JPEG: the segments that its pixels need, and what the others say of colour, orientation and further pictures."""

import re
import struct
from collections.abc import Iterator

from rec_jax.core.errors import UnsupportedImage
from rec_jax.data.formats.exif import inspect_exif
from rec_jax.data.formats.found import Found, several
from rec_jax.data.formats.tags import first_directory

_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # SOF0 ... SOF15
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]", re.DOTALL)  # in a scan: no stuffed byte, no restart
_INDEX = 0xB002  # of a multi-picture file
_VIEWS = 0x02  # class of its pictures: frames of one scene (CIPA DC-007, 5.2.3.3)


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    kept, exif, icc, index = [data[:2]], b"", False, b""
    size, end = (0, 0), len(data)
    for marker, body, whole, after in _segments(data):
        if marker in _FRAMES and len(body) >= 5:
            depth, height, width = struct.unpack(">BHH", body[:5])
            if depth != 8:
                raise UnsupportedImage(f"has {depth} bits per colour; save it as a PNG first")
            size = width, height
        if marker == 0xE1 and body.startswith(b"Exif\0"):
            exif = exif or body
        elif marker == 0xE2 and body.startswith(b"MPF\0"):
            index = index or body[4:]
        elif marker == 0xE2 and body.startswith(b"ICC_PROFILE\0"):
            icc = True
        elif not (0xE1 <= marker <= 0xEF or marker == 0xFE) or (marker == 0xEE and body.startswith(b"Adobe")):
            kept.append(whole)  # the heading of JFIF and that of Adobe say how colours are coded
        end = after
    _check_alone(data, end, index, size)
    orientation, colour = inspect_exif(exif)
    return Found(size, b"".join(kept), orientation=orientation, colour="an ICC profile" if icc else colour)


def _segments(data: bytes) -> Iterator[tuple[int, bytes, bytes, int]]:
    """(marker, content, all its bytes, where it ends) up to the end of the picture; a scan is part of its segment."""
    position = 2
    while position + 2 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # filling
            position += 1
            continue
        if marker in (0x01, _END) or 0xD0 <= marker <= 0xD8:
            end = position + 2
            body = b""
        else:
            length = int.from_bytes(data[position + 2 : position + 4], "big")
            end = position + 2 + max(length, 2)
            body = data[position + 4 : end]
        if marker == _SCAN:
            found = _MARKER.search(data, end)
            end = found.start() if found else len(data)
        yield marker, body, data[position:end], min(end, len(data))
        if marker == _END:
            return
        position = end
    if position < len(data):  # damaged here; the decoder will say how
        yield 0, b"", data[position:], len(data)


def _check_alone(data: bytes, end: int, index: bytes, size: tuple[int, int]) -> None:
    """Other pictures behind the first one are refused unless the index says that they are previews or gain maps.

    Those are of the class 'undefined', and so is what Pillow appends; smaller than the picture, they are beside it.
    """
    directory = first_directory(index)
    order, entries = (directory.order, directory.content(_INDEX)[1]) if directory else ("<", b"")
    others = [struct.unpack_from(order + "III", entries, i) for i in range(0, len(entries) - 15, 16)]
    for kind, n_bytes, offset in others:
        start = data.find(index) + offset
        undefined = offset and not kind >> 16 & 0xFF
        if kind >> 16 & 0xFF == _VIEWS or (undefined and _size(data[start : start + n_bytes]) == size):
            raise UnsupportedImage(several(len(others)))
    if not others and data.startswith(b"\xff\xd8\xff", end):
        raise UnsupportedImage(several("several", "pictures"))


def _size(data: bytes) -> tuple[int, int] | None:
    """(width, height) of a JPEG, None if there is none."""
    if not data.startswith(b"\xff\xd8"):
        return None
    frames = (body for marker, body, *_ in _segments(data) if marker in _FRAMES and len(body) >= 5)
    return next((struct.unpack(">xHH", body[:5])[::-1] for body in frames), None)

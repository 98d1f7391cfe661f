"""WebP: the chunks that its pixels need, and what the others say."""

import struct

from rec_jax.core.errors import UnsupportedImage
from rec_jax.data.formats.exif import inspect_exif
from rec_jax.data.formats.found import Found, several

_PIXELS = (b"VP8X", b"ALPH", b"VP8 ", b"VP8L")
_ALPHA_FLAG = 0x10  # of VP8X; those of ICC, EXIF, XMP and animation are cleared


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    kept, exif, icc, n_frames = [], b"", False, 0
    (length,) = struct.unpack_from("<I", data, 4) if len(data) >= 8 else (0,)
    end = min(8 + length, len(data))
    position = 12
    while position + 8 <= end:
        kind, (size,) = data[position : position + 4], struct.unpack_from("<I", data, position + 4)
        after = position + 8 + size + size % 2
        body = data[position + 8 : position + 8 + size]
        if kind == b"VP8X" and body:
            kept.append(data[position : position + 8] + bytes([body[0] & _ALPHA_FLAG]) + body[1:])
        elif kind in _PIXELS:
            kept.append(data[position:after])
        exif = exif or (body if kind == b"EXIF" else b"")
        icc |= kind == b"ICCP"
        n_frames += kind == b"ANMF"
        position = after
    if n_frames > 1 or data[end + end % 2 :].startswith(b"RIFF"):
        raise UnsupportedImage(several(n_frames) if n_frames > 1 else several("several", "pictures"))
    if n_frames == 1:
        raise UnsupportedImage("is an animation of one frame; save it as a PNG first")
    content = b"WEBP" + b"".join(kept)
    stripped = b"RIFF" + struct.pack("<I", len(content)) + content
    orientation, colour = inspect_exif(exif)
    return Found((0, 0), stripped, orientation=orientation, colour="an ICC profile" if icc else colour)

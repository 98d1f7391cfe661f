"""PNG: the chunks that its pixels need, and what the others say of colour and orientation (PNG, third edition)."""

import struct
import zlib
from collections.abc import Iterator

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.formats.exif import inspect_exif
from rec_jax.data.formats.found import SRGB_PRIMARIES, SRGB_WHITE, Found, is_srgb, several

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PIXELS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_SRGB_GAMMA = (0.45, 0.46)  # 1 / 2.2 as programs round it
_SRGB_CICP = bytes([1, 13, 0, 1])
_AS_BYTES = {0: 4, 4: 6}  # the 8-bit colour type with as many bytes a pixel: 16-bit grey, without and with alpha


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    kept, others, n_frames = [], {}, 0
    for kind, body, whole in _chunks(data):
        n_frames += kind == b"fcTL" or (kind == b"IDAT" and not n_frames)  # the picture may be the first frame
        if kind in _PIXELS:
            kept.append((kind, body, whole))
        elif not kind[0] & 0x20:
            raise UnsupportedImage(f"has a part {kind!r} without which it cannot be read; save it as a PNG first")
        elif others.setdefault(kind, body) is not body:
            continue
    if not kept or kept[0][0] != b"IHDR" or len(kept[0][1]) != 13:
        raise CorruptFile("it has no header")
    if n_frames > 1:
        raise UnsupportedImage(several(n_frames))
    width, height, depth, colour_type = struct.unpack(">IIBB", kept[0][1][:10])
    if colour_type in (0, 2) and any(kind == b"tRNS" for kind, *_ in kept):
        raise UnsupportedImage("has a transparent colour; save it without transparency first")
    orientation, colour = inspect_exif(others.get(b"eXIf", b""))
    deep, paired = depth == 16, depth == 16 and colour_type in _AS_BYTES
    stripped = SIGNATURE + b"".join(whole for *_, whole in kept)
    if paired:
        stripped = _relabelled(stripped, 8, _AS_BYTES[colour_type])
    return Found(
        (width, height), stripped, deep=deep, paired=paired, orientation=orientation, colour=_colour(others) or colour
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(type, content, all its bytes) of each chunk up to the end; what follows a cut is not there."""
    position = len(SIGNATURE)
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        kind, end = data[position + 4 : position + 8], position + 12 + length
        yield kind, data[position + 8 : end - 4], data[position:end]
        position = end
        if kind == b"IEND":
            break
    if data[position : position + len(SIGNATURE)] == SIGNATURE:
        raise UnsupportedImage(several("several", "pictures"))


def _relabelled(data: bytes, depth: int, colour_type: int) -> bytes:
    header = b"IHDR" + data[16:24] + bytes([depth, colour_type]) + data[26:29]
    intact = zlib.crc32(data[12:29]) == struct.unpack(">I", data[29:33])[0]
    return data[:12] + header + struct.pack(">I", zlib.crc32(header) ^ (not intact)) + data[33:]


def _colour(chunks: dict[bytes, bytes]) -> str:
    """By rank: cICP, iCCP, sRGB, then gAMA and cHRM. One that cannot be read says nothing, but a profile is one."""
    if len(cicp := chunks.get(b"cICP", b"")) == 4:
        return "" if cicp == _SRGB_CICP else f"cICP colours {tuple(cicp)}"
    if b"iCCP" in chunks:
        return "an ICC profile"
    if b"sRGB" in chunks:
        return ""
    if len(gama := chunks.get(b"gAMA", b"")) == 4:
        gamma = struct.unpack(">I", gama)[0] / 100_000
        if gamma and not _SRGB_GAMMA[0] <= gamma <= _SRGB_GAMMA[1]:
            return f"a gamma (gAMA) of {gamma:.5g}"
    if len(chrm := chunks.get(b"cHRM", b"")) == 32:
        values = tuple(value / 100_000 for value in struct.unpack(">8I", chrm))
        if any(values) and not is_srgb(values, SRGB_WHITE + SRGB_PRIMARIES):
            return "primaries (cHRM) other than sRGB's"
    return ""

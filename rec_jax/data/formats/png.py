"""PNG: the chunks that its pixels need, and what the others say of colour and orientation (PNG, third edition)."""

import functools
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
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a pixel, by colour type
_PASSES = ((0, 8, 0, 8), (0, 8, 4, 8), (4, 8, 0, 4), (0, 4, 2, 4), (2, 4, 0, 2), (0, 2, 1, 2), (1, 2, 0, 1))  # of Adam7
_AT_ONCE = 1 << 16  # bytes of a stream, and 16 times as many of what it holds
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
    if max(sum(kind == one for kind, *_ in kept) for one in (b"IHDR", b"PLTE")) > 1:
        raise CorruptFile("it has two headers or palettes")
    if n_frames > 1:
        raise UnsupportedImage(several(n_frames))
    width, height, depth, colour_type, interlaced = struct.unpack(">IIBBxxB", kept[0][1])
    if colour_type in (0, 2) and any(kind == b"tRNS" for kind, *_ in kept):
        raise UnsupportedImage("has a transparent colour; save it without transparency first")
    orientation, colour = inspect_exif(others.get(b"eXIf", b""))
    deep, paired = depth == 16, depth == 16 and colour_type in _AS_BYTES
    stripped = SIGNATURE + b"".join(whole for *_, whole in kept)
    if paired:
        stripped = _relabelled(stripped, 8, _AS_BYTES[colour_type])
    bits = depth * _SAMPLES.get(colour_type, 0)
    return Found(
        (width, height),
        stripped,
        deep=deep,
        paired=paired,
        orientation=orientation,
        colour=_colour(others) or colour,
        n_colours=sum(len(body) // 3 for kind, body, _ in kept if kind == b"PLTE" and colour_type == 3),
        check=functools.partial(
            _check_complete, [body for kind, body, _ in kept if kind == b"IDAT"], (width, height), bits, interlaced
        ),
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


def _check_complete(parts: list[bytes], size: tuple[int, int], bits: int, interlaced: int) -> None:
    """CorruptFile if the stream ends before the last pixel; bits: of a pixel. What is broken the decoder will name."""
    due, found, inflater = _stream_bytes(*size, bits, interlaced), 0, zlib.decompressobj()
    try:
        for part in parts:
            for start in range(0, len(part), _AT_ONCE):
                rest = part[start : start + _AT_ONCE]
                while rest and found < due and not inflater.eof:
                    found += len(inflater.decompress(rest, 16 * _AT_ONCE))
                    rest = inflater.unconsumed_tail
        found += len(inflater.flush()) if found < due else 0
    except zlib.error:
        return
    if found < due:
        raise CorruptFile(f"its pixels end after {found} of {due} bytes")


def _stream_bytes(width: int, height: int, bits: int, interlaced: int) -> int:
    """Length of the rows, each with its filter, of the picture or of its seven passes."""
    total = 0
    for top, down, left, right in _PASSES if interlaced else ((0, 1, 0, 1),):
        n_rows, n_columns = -(-(height - top) // down), -(-(width - left) // right)
        total += n_rows * (1 + -(-n_columns * bits // 8)) if n_rows > 0 and n_columns > 0 else 0
    return total


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
    gama, chrm = chunks.get(b"gAMA", b""), chunks.get(b"cHRM", b"")
    gamma = struct.unpack(">I", gama)[0] / 100_000 if len(gama) == 4 else 0.0
    primaries = tuple(value / 100_000 for value in struct.unpack(">8I", chrm)) if len(chrm) == 32 else ()
    return gamma_other_than_srgb(gamma) or primaries_other_than_srgb(primaries)


def gamma_other_than_srgb(gamma: float) -> str:
    """What gAMA says, or '' if it says what sRGB does or, as 0, nothing."""
    return f"a gamma (gAMA) of {gamma:.5g}" if gamma and not _SRGB_GAMMA[0] <= gamma <= _SRGB_GAMMA[1] else ""


def primaries_other_than_srgb(values: tuple[float, ...]) -> str:
    """What cHRM says (x, y of white, red, green and blue), or '' if it says what sRGB does or nothing."""
    return (
        "primaries (cHRM) other than sRGB's" if any(values) and not is_srgb(values, SRGB_WHITE + SRGB_PRIMARIES) else ""
    )

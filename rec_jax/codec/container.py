"""The `.rec` container: the only place that knows header bytes (docs/FORMAT.md gives every field).

A file is a header (14 bytes for a 32x32 image) and a payload that runs to the end of the file. Numbers are
little-endian. The 16-bit check covers every other byte, so damage is found before anything is decoded; the CRC-32
covers the pixels and their shape, so nothing but the picture that went in is ever returned.
"""

import binascii
import dataclasses
import struct
import zlib
from typing import Any

import numpy as np

from rec_jax.codec.pillow_images import check_pillow_image
from rec_jax.core.errors import ConfigError, CorruptFile, UnsupportedImage, UnsupportedVersion

FORMAT_VERSION = 2
MAX_PIXELS = 2**28  # height * width of the largest picture
# Kinds of file: a classical format inside (fallback.py), latents and pixels of a model, or latents alone.
EMBEDDED, LOSSLESS, LOSSY = 0, 1, 2
_KINDS = (EMBEDDED, LOSSLESS, LOSSY)
STORED = 0  # the method of an embedded file that holds the pixels as they are

_MAGIC = b"\xceR"
_FIXED = struct.Struct("<2sBHBHI")  # magic, flags, check, method, model id, pixel CRC
_SHAPE = struct.Struct("<IIBB")  # what the pixel CRC begins with: height, width, colours, bits
_FREE_PIXELS = 2**16  # a payload of any length may hold as many
_PIXELS_PER_BYTE = 2**12  # and each byte of it as many more: 0.0007 bits per colour value; `pack` fills up


@dataclasses.dataclass(frozen=True)
class Header:
    """Everything in a file besides its payload."""

    height: int
    width: int
    grey: bool
    depth: int  # bits per colour value, 8 or 16
    kind: int  # EMBEDDED, LOSSLESS or LOSSY
    method: int  # 0 .. 255: which embedded format, or which preset and how often its blocks were halved
    model_id: int  # first 16 bits of the model file's SHA-256; 0 where there is no model
    pixel_crc32: int  # of the shape, and the pixels row by row, colours interleaved

    def __post_init__(self):
        if self.kind not in _KINDS or self.depth not in (8, 16) or not 0 <= self.method < 256:
            raise ValueError(f"kind {self.kind}, depth {self.depth}, method {self.method}: not of a .rec file")
        if not (0 <= self.model_id < 2**16 and 0 <= self.pixel_crc32 < 2**32):
            raise ValueError(f"model id {self.model_id} must fit in 16 bits, CRC {self.pixel_crc32} in 32")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixel array: (H, W) for grey, (H, W, 3) for colour."""
        return (self.height, self.width) if self.grey else (self.height, self.width, 3)

    @property
    def dtype(self) -> type[np.unsignedinteger]:
        """Type of the pixel array."""
        return np.uint8 if self.depth == 8 else np.uint16

    @property
    def n_dims(self) -> int:
        """Number of colour values H * W * C."""
        return self.height * self.width * (1 if self.grey else 3)


def checked_image(image: Any) -> np.ndarray:
    """An image as an array [H, W] or [H, W, 3], uint8 or uint16.

    Raises UnsupportedImage for another type or shape, for more than MAX_PIXELS pixels, and for a Pillow image that is
    more or something else than its numbers.
    """
    check_pillow_image(image)
    image = np.asarray(image)
    if image.dtype not in (np.uint8, np.uint16) or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise UnsupportedImage(
            f"image is {image.dtype} {list(image.shape)}; give uint8 or uint16, [H, W] or [H, W, 3], "
            "as numpy.asarray(picture) gives"
        )
    height, width = image.shape[:2]
    if height * width == 0 or height * width > MAX_PIXELS:
        raise UnsupportedImage(f"image has {height} x {width} pixels; 1 to {MAX_PIXELS} can be written")
    return image


def image_header(image: np.ndarray, kind: int, method: int = 0, model_id: int = 0) -> Header:
    """The Header of an image; see checked_image for what it may be."""
    image = checked_image(image)
    height, width = image.shape[:2]
    depth = 8 * image.dtype.itemsize
    return Header(height, width, image.ndim == 2, depth, kind, method, model_id, pixel_crc32(image))


def pixel_crc32(image: np.ndarray) -> int:
    """CRC-32 of an image's shape and pixels."""
    colours = 1 if image.ndim == 2 else image.shape[2]
    shape = _SHAPE.pack(image.shape[0], image.shape[1], colours, 8 * image.dtype.itemsize)
    pixels = np.ascontiguousarray(image).astype(image.dtype.newbyteorder("<"), copy=False)
    return zlib.crc32(pixels, zlib.crc32(shape))


def pack(header: Header, payload: bytes) -> bytes:
    """The bytes of a file; `unpack` gives the same header, and the payload, filled up with zero bytes if it is
    too short for its picture (they mean nothing at the end of a stream: a reader past the end reads zeros).

    Raises CorruptFile for what `unpack` would refuse, so that it is not written.
    """
    if header.kind != EMBEDDED:
        payload += bytes(max(0, _least_payload_bytes(header) - len(payload)))
    flags = FORMAT_VERSION << 4 | header.kind << 2 | header.grey << 1 | (header.depth == 16)
    size = _varint(header.height) + _varint(header.width)
    fixed = (header.method, header.model_id, header.pixel_crc32)
    check = _check(_FIXED.pack(_MAGIC, flags, 0, *fixed) + size + payload)
    _refuse_impossible(header, len(payload))
    return _FIXED.pack(_MAGIC, flags, check, *fixed) + size + payload


def pack_stored(image: np.ndarray) -> bytes:
    """A file of the pixels as they are: raw size and at most 18 bytes more."""
    pixels = np.ascontiguousarray(image).astype(image.dtype.newbyteorder(">"), copy=False).tobytes()
    return pack(image_header(image, EMBEDDED, STORED), pixels)


def as_bytes(blob: Any) -> bytes:
    """The bytes of whatever holds some: bytes, bytearray, memoryview, an array; ConfigError for anything else."""
    try:
        return bytes(memoryview(blob))
    except TypeError:
        given = type(blob).__name__
        raise ConfigError(f"a {given} holds no bytes; give those of a .rec file, as Path.read_bytes does") from None


def unpack(data: bytes) -> tuple[Header, bytes]:
    """The header and the payload of a file; nothing is allocated by what the header claims.

    Raises CorruptFile (empty, foreign, truncated, damaged, impossible size) or UnsupportedVersion.
    """
    if not data:
        raise CorruptFile("the file is empty; a .rec file has at least 14 bytes")
    if data[:2] != _MAGIC[: len(data)]:
        raise CorruptFile("this is not a .rec file (its first two bytes differ)")
    if len(data) > 2 and (version := data[2] >> 4) != FORMAT_VERSION:
        raise UnsupportedVersion(_version_message(version))
    if len(data) < _FIXED.size + 2:
        raise CorruptFile(f"the file is truncated: {len(data)} bytes; a header has at least {_FIXED.size + 2}")
    _, flags, check, method, model_id, pixel_crc = _FIXED.unpack_from(data)
    if check != _check(data):
        raise CorruptFile("the file is truncated or damaged: its check does not fit its bytes; get it again")
    if (kind := flags >> 2 & 3) not in _KINDS:
        raise UnsupportedVersion("the file is of a kind that this program does not know: update rec_jax")
    height, position = _read_varint(data, _FIXED.size)
    width, position = _read_varint(data, position)
    header = Header(height, width, bool(flags & 2), 16 if flags & 1 else 8, kind, method, model_id, pixel_crc)
    _refuse_impossible(header, len(data) - position)
    return header, data[position:]


def is_rec(start: bytes) -> bool:
    """Whether the first bytes of a file are those of a `.rec` file of any version."""
    return start[: len(_MAGIC)] == _MAGIC


def check_pixels(header: Header, image: np.ndarray) -> None:
    """Raise CorruptFile unless `image` was encoded."""
    if image.shape != header.shape or image.dtype != header.dtype or pixel_crc32(image) != header.pixel_crc32:
        raise CorruptFile("the file is damaged: its pixels do not have its checksum; get it again")


def _version_message(version: int) -> str:
    if version == 1:
        return (
            "the file has version 1, whose files depend on the jax that wrote them; this program reads version "
            f"{FORMAT_VERSION}: decode it with rec_jax 0.1 and the jax that its header names, and compress it again"
        )
    return f"the file has version {version}; this program reads {FORMAT_VERSION}: update rec_jax"


def _check(data: bytes) -> int:
    """CRC-16 (CCITT, start 0xFFFF) of every byte of a file but the check itself."""
    view = memoryview(data)
    return binascii.crc_hqx(view[5:], binascii.crc_hqx(view[:3], 0xFFFF))


def _refuse_impossible(header: Header, n_payload_bytes: int) -> None:
    """Raise CorruptFile for a size that no encoder writes."""
    n_pixels = header.height * header.width
    claim = f"the header claims {header.height} x {header.width} pixels"
    if not 1 <= n_pixels <= MAX_PIXELS:
        raise CorruptFile(f"{claim}; a .rec file holds 1 to {MAX_PIXELS}")
    if header.kind != EMBEDDED and n_payload_bytes < _least_payload_bytes(header):
        raise CorruptFile(f"{claim}, which a stream of {n_payload_bytes} bytes cannot hold")


def _least_payload_bytes(header: Header) -> int:
    """So that a small file never claims a huge picture: what a decoder does is bounded by the file's length."""
    return max(0, -(-(header.height * header.width - _FREE_PIXELS) // _PIXELS_PER_BYTE))


def _varint(value: int) -> bytes:
    """LEB128: 7 bits a byte, lowest first, the top bit set on all but the last."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out) + bytes([value])


def _read_varint(data: bytes, position: int) -> tuple[int, int]:
    """(value, position after it); at most 5 bytes and the shortest form, else CorruptFile."""
    value = 0
    for i, byte in enumerate(data[position : position + 5]):
        value |= (byte & 127) << 7 * i
        if byte < 128:
            if byte == 0 and i > 0:
                break
            return value, position + i + 1
    raise CorruptFile("the file is damaged: its height or width is not a number")

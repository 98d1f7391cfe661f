"""The `.rec` container: the only place that knows header bytes (docs/FORMAT.md gives every field).

A file is a header (16 bytes for a 32x32 image) and one entropy-coded stream that runs to the end of the file.
Numbers are little-endian. The 16-bit check covers every other byte, so damage is found before anything is
decoded; the CRC-32 covers the pixels, so a decoder whose floats differ raises instead of returning a picture.
"""

import binascii
import dataclasses
import re
import struct
import zlib

import numpy as np

from rec_jax.codec.preset_options import PRESETS
from rec_jax.core.errors import BitstreamMismatch, CorruptFile, UnsupportedImage, UnsupportedVersion

FORMAT_VERSION = 1
MAX_PIXELS = 2**28  # height * width of the largest picture
STORED, LATENT = 0, 1  # the modes: raw pixels, or latents and pixels under a model
CUSTOM_PRESET = 15  # a coder that no preset names: the reader must be given the same one

_MAGIC = b"\xceR"
_GREY_BIT = 2  # of the low nibble of the third byte; bit 0 is the mode
_FIXED = struct.Struct("<2sBHBHHI")  # magic, version and flags, check, coder, model id, runtime, pixel CRC
_FREE_PIXELS = 2**16  # a stream of any length may hold as many
_PIXELS_PER_BYTE = 2**12  # and each byte of it as many more: 0.0007 bits per colour value; `pack` fills up
_PLATFORMS = ("other", "cpu", "gpu", "tpu")


@dataclasses.dataclass(frozen=True)
class Header:
    """Everything in a file besides its stream; stored mode leaves preset, split, model and runtime at 0."""

    height: int
    width: int
    grey: bool
    mode: int  # STORED or LATENT
    pixel_crc32: int  # CRC-32 of the pixels, row by row, colours interleaved
    preset: int = 0  # place in PRESETS, or CUSTOM_PRESET
    split: int = 0  # 0..15: how often the encoder halved the coder's blocks so that none overflows
    model_id: int = 0  # first 16 bits of the model file's SHA-256
    runtime: int = 0  # runtime_code of the writer

    def __post_init__(self):
        nibbles, words = (self.preset, self.split), (self.model_id, self.runtime)
        if not (self.mode in (STORED, LATENT) and all(0 <= n < 16 for n in nibbles)):
            raise ValueError(f"mode {self.mode}, preset and split {nibbles}: give a mode and two numbers below 16")
        if not (all(0 <= w < 2**16 for w in words) and 0 <= self.pixel_crc32 < 2**32):
            raise ValueError(f"model id and runtime {words} must fit in 16 bits, CRC {self.pixel_crc32} in 32")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the pixel array: (H, W) for grey, (H, W, 3) for colour."""
        return (self.height, self.width) if self.grey else (self.height, self.width, 3)

    @property
    def n_dims(self) -> int:
        """Number of colour values H * W * C, which is also the size of the raw pixels in bytes."""
        return self.height * self.width * (1 if self.grey else 3)

    @property
    def preset_name(self) -> str:
        """The preset as the command line calls it, or 'custom'."""
        return "custom" if self.preset == CUSTOM_PRESET else list(PRESETS)[self.preset]


def pixel_crc32(image: np.ndarray) -> int:
    """CRC-32 of uint8 pixels [H, W] or [H, W, 3], row by row."""
    return zlib.crc32(np.ascontiguousarray(image))


def image_header(image: np.ndarray, **fields) -> Header:
    """The Header of an image uint8 [H, W] or [H, W, 3].

    fields: the rest of Header's: mode, preset, split, model_id, runtime.

    Raises UnsupportedImage for another type or shape, and for more than MAX_PIXELS pixels.
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise UnsupportedImage(f"image is {image.dtype} {list(image.shape)}; give uint8 [H, W] or [H, W, 3]")
    height, width = image.shape[:2]
    if height * width == 0 or height * width > MAX_PIXELS:
        raise UnsupportedImage(f"image has {height} x {width} pixels; 1 to {MAX_PIXELS} can be written")
    return Header(height=height, width=width, grey=image.ndim == 2, pixel_crc32=pixel_crc32(image), **fields)


def pack(header: Header, stream: bytes) -> bytes:
    """The bytes of a file; `unpack` gives the same header, and the stream, filled up with zero bytes if it is
    too short for its picture (they mean nothing at its end: a reader past the end reads zeros).

    Raises CorruptFile for what `unpack` would refuse, so that it is not written.
    """
    if header.mode == LATENT:
        stream += bytes(max(0, _least_stream_bytes(header) - len(stream)))
    flags = FORMAT_VERSION << 4 | header.mode | (_GREY_BIT if header.grey else 0)
    coder = header.preset << 4 | header.split
    size = _varint(header.height) + _varint(header.width)
    fixed = (header.model_id, header.runtime, header.pixel_crc32)
    check = _check(_FIXED.pack(_MAGIC, flags, 0, coder, *fixed) + size + stream)
    _refuse_impossible(header, len(stream))
    return _FIXED.pack(_MAGIC, flags, check, coder, *fixed) + size + stream


def unpack(data: bytes) -> tuple[Header, bytes]:
    """The header and the stream of a file; nothing is allocated by what the header claims.

    Raises CorruptFile (empty, foreign, truncated, damaged, impossible size) or UnsupportedVersion.
    """
    if not data:
        raise CorruptFile("the file is empty; a .rec file has at least 16 bytes")
    if data[:2] != _MAGIC[: len(data)]:
        raise CorruptFile("this is not a .rec file (its first two bytes differ)")
    if len(data) > 2 and data[2] >> 4 != FORMAT_VERSION:
        version = data[2] >> 4
        raise UnsupportedVersion(f"the file has version {version}; this program reads {FORMAT_VERSION}: update rec_jax")
    if len(data) < _FIXED.size + 2:
        raise CorruptFile(f"the file is truncated: {len(data)} bytes; a header has at least {_FIXED.size + 2}")
    _, flags, check, coder, model_id, runtime, pixel_crc = _FIXED.unpack_from(data)
    if check != _check(data):
        raise CorruptFile("the file is truncated or damaged: its check does not fit its bytes; get it again")
    preset, split = coder >> 4, coder & 15
    if flags & 0b1100 or (preset >= len(PRESETS) and preset != CUSTOM_PRESET):
        raise UnsupportedVersion("the file uses a coder or mode that this program does not know: update rec_jax")
    height, position = _read_varint(data, _FIXED.size)
    width, position = _read_varint(data, position)
    grey, mode = bool(flags & _GREY_BIT), flags & 1
    header = Header(height, width, grey, mode, pixel_crc, preset, split, model_id, runtime)
    _refuse_impossible(header, len(data) - position)
    return header, data[position:]


def pack_stored(image: np.ndarray) -> bytes:
    """A file in stored mode: uint8 [H, W] or [H, W, 3] as they are; raw size + 20 bytes at most."""
    return pack(image_header(image, mode=STORED), np.ascontiguousarray(image).tobytes())


def unpack_stored(header: Header, stream: bytes) -> np.ndarray:
    """The pixels of a file in stored mode, checked: uint8 of shape header.shape; needs no model."""
    image = np.frombuffer(stream, np.uint8).reshape(header.shape).copy()
    if pixel_crc32(image) != header.pixel_crc32:
        raise CorruptFile("the file is damaged: its pixels do not have its checksum; get it again")
    return image


def check_pixels(header: Header, image: np.ndarray) -> None:
    """Raise BitstreamMismatch, naming the runtimes of writer and reader, unless `image` was encoded."""
    if image.shape != header.shape or pixel_crc32(image) != header.pixel_crc32:
        raise mismatch(header)


def mismatch(header: Header) -> BitstreamMismatch:
    """The error to raise when decoding went another way than encoding did."""
    writer, reader = runtime_name(header.runtime), runtime_name(current_runtime())
    if writer == reader:
        writer, reader = f"{writer}, another kind of processor or version of numpy", "this one"
    return BitstreamMismatch(
        f"decoding gave other pixels than were encoded: the file was written by {writer} and read by "
        f"{reader}; decode it with the jax version and device that wrote it"
    )


def runtime_code(jax_version: str, platform: str) -> int:
    """16 bits for a runtime: major 2, minor 6, patch 5 and platform 3 bits, from the top.

    jax_version: '0.12.0' or longer ('0.12.0.1', '0.5.0rc1'); numbers beyond their bits saturate.
    platform: what jax calls the backend, 'cpu', 'gpu' or 'tpu'; any other is kept as 'other'.
    """
    major, minor, patch = ([int(number) for number in re.findall(r"\d+", jax_version)] + [0, 0, 0])[:3]
    index = _PLATFORMS.index(platform) if platform in _PLATFORMS else 0
    return min(major, 3) << 14 | min(minor, 63) << 8 | min(patch, 31) << 3 | index


def runtime_name(code: int) -> str:
    """The inverse of runtime_code in words: 'jax 0.12.0 on cpu'; 'no runtime' for 0 (stored mode)."""
    if code == 0:
        return "no runtime"
    platform = _PLATFORMS[code & 7] if (code & 7) < len(_PLATFORMS) else "other"
    return f"jax {code >> 14}.{code >> 8 & 63}.{code >> 3 & 31} on {platform}"


def current_runtime() -> int:
    """runtime_code of this process; imports jax."""
    import jax

    return runtime_code(jax.__version__, jax.default_backend())


def _check(data: bytes) -> int:
    """CRC-16 (CCITT, start 0xFFFF) of every byte of a file but the check itself."""
    view = memoryview(data)
    return binascii.crc_hqx(view[5:], binascii.crc_hqx(view[:3], 0xFFFF))


def _refuse_impossible(header: Header, n_stream_bytes: int) -> None:
    """Raise CorruptFile for a size that no encoder writes."""
    n_pixels = header.height * header.width
    claim = f"the header claims {header.height} x {header.width} pixels"
    if not 1 <= n_pixels <= MAX_PIXELS:
        raise CorruptFile(f"{claim}; a .rec file holds 1 to {MAX_PIXELS}")
    if header.mode == STORED and n_stream_bytes != header.n_dims:
        raise CorruptFile(f"{claim}, stored in {header.n_dims} bytes, and {n_stream_bytes} bytes follow")
    if n_stream_bytes < _least_stream_bytes(header):
        raise CorruptFile(f"{claim}, which a stream of {n_stream_bytes} bytes cannot hold")


def _least_stream_bytes(header: Header) -> int:
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

"""The smallest classical lossless format at hand, for a picture that a model does badly; needs no model and no jax.

The parts of a file that a picture's shape and depth imply are not written: a payload is the bare entropy-coded data.

raw      the pixels, row by row; 16-bit ones with the high byte first.
webp     the VP8L bitstream of a lossless WebP behind its size (RFC 9649, 3.4). 16-bit pictures are two 8-bit ones in
         one: the high bytes, and the low bytes below them.
png      the rows of a PNG, filtered, in a raw DEFLATE stream (RFC 1951).
lzma     the differences to the pixel on the left in a raw LZMA2 stream, 16-bit ones as high bytes and then low bytes.

A payload says nothing of sizes, so a forged one cannot ask for more memory than the shape that it is read with.
"""

import io
import lzma
import math
import struct
import warnings
import zlib

import numpy as np
from PIL import Image

from rec_jax.codec import webp
from rec_jax.codec.png import png_bytes
from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.image_files import decode_image

RAW, WEBP, PNG, LZMA = range(4)  # the kinds, two bits in a file
KIND_NAMES = ("raw pixels", "WebP", "PNG", "LZMA")
_LZMA_BYTES = 2**24  # larger pictures take minutes, and are no small drawings


def raw(image: np.ndarray) -> tuple[int, bytes]:
    """(kind, payload) of the pixels as they are."""
    return RAW, _planes(image, interleaved=True).tobytes()


def quick(image: np.ndarray) -> tuple[int, bytes]:
    """(kind, payload) of a fast WebP, or the pixels as they are: within some percent of `smallest` for photographs.

    Of a picture that no WebP can hold: of the smallest kind, for the pixels alone say nothing of what it takes.
    """
    if not image.size:
        return raw(image)
    packed = webp.pack(_planes(image), *webp.QUICK)
    return _least([raw(image), (WEBP, packed)]) if packed is not None else _without_webp(image, raw(image))


def smallest(image: np.ndarray, known: tuple[int, bytes] | None = None) -> tuple[int, bytes]:
    """(kind, payload) of the kind that takes the fewest bytes for uint8 or uint16 pixels [H, W] or [H, W, 3].

    known: what `quick` said, if it was asked.  Never more than the pixels themselves.
    Raises UnsupportedImage for another type or shape.
    """
    if image.dtype not in (np.uint8, np.uint16) or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise UnsupportedImage(f"image is {image.dtype} {list(image.shape)}; give uint8 or uint16, [H, W] or [H, W, 3]")
    if not image.size:
        return raw(image)
    kind, payload = known or quick(image)
    slower = _pack_webp(image, payload if kind == WEBP else None)
    if slower is None:
        return kind, payload  # the smallest, as `quick` saw to
    best = _least([(kind, payload), raw(image), (WEBP, slower)])
    if len(best[1]) <= webp.FEW_BYTES and image.shape[0] * image.shape[1] > webp.SMALL_PIXELS:
        return best
    return _without_webp(image, best)


def _without_webp(image: np.ndarray, best: tuple[int, bytes]) -> tuple[int, bytes]:
    return _least([best, (PNG, _pack_png(image)), (LZMA, _pack_lzma(image))])


def _least(packed: list[tuple[int, bytes | None]]) -> tuple[int, bytes]:
    return min(((kind, data) for kind, data in packed if data is not None), key=lambda pair: len(pair[1]))


def unpack(kind: int, payload: bytes, shape: tuple[int, ...], dtype=np.uint8) -> np.ndarray:
    """The pixels of a payload: `dtype` (uint8 or uint16) of `shape`, (H, W) or (H, W, 3).

    What follows the end of the data in a payload is not looked at. Raises CorruptFile for whatever is no such data.
    """
    readers = {RAW: _unpack_raw, WEBP: _unpack_webp, PNG: _unpack_png, LZMA: _unpack_lzma}
    if kind not in readers:
        raise CorruptFile(f"the file is damaged: its pixels are of the unknown kind {kind}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's, of large pictures
            return readers[kind](payload, shape, np.dtype(dtype))
    except (MemoryError, CorruptFile):
        raise
    except Exception as error:  # decoders raise almost any type on damaged data
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise CorruptFile(f"the file is damaged: its pixels cannot be read ({reason})") from error


def _unpack_raw(payload: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    big_endian = dtype.newbyteorder(">")
    pixels = np.frombuffer(payload, big_endian, math.prod(shape))
    return pixels.reshape(shape).astype(dtype)


def _planes(image: np.ndarray, interleaved: bool = False) -> np.ndarray:
    """A picture as bytes: of 16 bits, each colour's high byte and then its low one, or all high bytes and then all low.

    uint8 [H, W(, 3)] stays; uint16 becomes uint8 [H, W(, 3), 2] or [2 * H, W(, 3)].
    """
    if image.dtype == np.uint8:
        return np.ascontiguousarray(image)
    if interleaved:
        return np.ascontiguousarray(image, ">u2")
    return np.concatenate([image >> 8, image & 255]).astype(np.uint8)


def _from_planes(planes: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.uint8:
        return planes
    high, low = np.split(planes, 2)
    return high.astype(np.uint16) << 8 | low


def _planes_shape(shape: tuple[int, ...], dtype: np.dtype) -> tuple[int, ...]:
    return (shape[0] * dtype.itemsize, *shape[1:])


def _pack_webp(image: np.ndarray, known: bytes | None = None) -> bytes | None:
    return webp.smallest(_planes(image), known)


def _unpack_webp(payload: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    planes = webp.unpack(payload, *_planes_shape(shape, dtype)[:2])
    if len(shape) == 2:
        if not (np.array_equal(planes[..., 0], planes[..., 1]) and np.array_equal(planes[..., 2], planes[..., 1])):
            raise CorruptFile("the file is damaged: its grey pixels have a colour")
        planes = planes[..., 1]
    return _from_planes(np.ascontiguousarray(planes), dtype)


def _pack_png(image: np.ndarray) -> bytes | None:
    if image.shape[0] * image.shape[1] > webp.PILLOW_PIXELS:
        return None
    if image.dtype == np.uint16:
        data = png_bytes(image)
    else:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG", optimize=True)
        data = buffer.getvalue()
    stream = b"".join(body for kind, body in _chunks(data) if kind == b"IDAT")
    if data[24] != 8 * image.dtype.itemsize or data[25] != (0 if image.ndim == 2 else 2):
        return None  # a writer that chose another depth or a palette
    return stream[2:-4]


def _unpack_png(payload: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    height, width = shape[:2]
    if height * width > webp.PILLOW_PIXELS:
        raise CorruptFile(f"the file is damaged: a PNG of {width} x {height} pixels is never written")
    n_bytes = height * (1 + math.prod(shape[1:]) * dtype.itemsize)
    inflate = zlib.decompressobj(-15)
    rows = inflate.decompress(payload, n_bytes)
    if len(rows) != n_bytes:
        raise CorruptFile(f"the file is damaged: {len(rows)} of {n_bytes} bytes of pixels are there")
    header = struct.pack(">IIBBBBB", width, height, 8 * dtype.itemsize, 0 if len(shape) == 2 else 2, 0, 0, 0)
    stream = zlib.compress(rows, 0)
    data = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", stream) + _chunk(b"IEND", b"")
    return decode_image(data, "the file's PNG", deep=True)


def _chunks(data: bytes):
    position = 8
    while position < len(data):
        (length,) = struct.unpack_from(">I", data, position)
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + length]
        position += 12 + length


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _filters(n_bytes: int) -> list[dict]:
    """For so many bytes of pixels: a dictionary that holds them all, and no more memory for a forged file."""
    return [
        {"id": lzma.FILTER_LZMA2, "dict_size": max(n_bytes, 4096), "preset": 9 | lzma.PRESET_EXTREME, "lc": 0, "pb": 0}
    ]


def _pack_lzma(image: np.ndarray) -> bytes | None:
    if image.nbytes > _LZMA_BYTES:
        return None
    differences = np.diff(image, axis=1, prepend=image.dtype.type(0))
    return lzma.compress(_planes(differences).tobytes(), lzma.FORMAT_RAW, filters=_filters(image.nbytes))


def _unpack_lzma(payload: bytes, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    n_bytes = math.prod(shape) * dtype.itemsize
    if n_bytes > _LZMA_BYTES:
        raise CorruptFile(f"the file is damaged: {n_bytes} bytes of pixels are never written in this kind")
    data = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=_filters(n_bytes)).decompress(payload, n_bytes)
    if len(data) != n_bytes:
        raise CorruptFile(f"the file is damaged: {len(data)} of {n_bytes} bytes of pixels are there")
    planes = np.frombuffer(data, np.uint8).reshape(_planes_shape(shape, dtype))
    return np.cumsum(_from_planes(planes, dtype), axis=1, dtype=dtype)

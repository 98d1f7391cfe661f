"""The VP8L bitstream of a lossless WebP (RFC 9649) behind its size, which a header implies; by Pillow."""

import io
import struct

import numpy as np
from PIL import Image, WebPImagePlugin  # noqa: F401, without it Pillow loads all its plugins to save one

from rec_jax.core.errors import CorruptFile

QUICK = (4, 75)  # method and quality: 1 us a pixel
SMALL_PIXELS = 2**16  # up to which all methods are tried, and far below it the slowest setting too
FEW_BYTES = 64  # a large picture that takes no more is done
# Method 6 at quality 100 takes about 2 us a pixel and 20 us a byte, 11 s for a photograph of 0.4 megapixels, of which
# it saves 1%; of some drawings it saves half. So it is tried where there is at most half a byte a pixel, and not longer
# than half a minute.
_SLOWEST = (6, 100)
_SLOWEST_BYTES_PER_PIXEL, _SLOWEST_S = 0.5, 30.0
_SIDE = 16383  # the largest, by 14 bits
PILLOW_PIXELS = 2**27  # of one picture; Pillow refuses larger ones as decompression bombs
_VP8L = struct.Struct("<BI")  # signature; 14 bits each of width - 1 and height - 1, alpha, version
_SIGNATURE = 0x2F


def smallest(planes: np.ndarray, quick: bytes | None = None) -> bytes | None:
    """The smallest payload of several settings for pixels uint8 [H, W] or [H, W, 3]; None where there is none.

    Which setting is the best depends on the picture; a slower one is often not smaller.
    quick: the payload of QUICK, if it is known.
    """
    best = quick or pack(planes, *QUICK)
    n_pixels = planes.shape[0] * planes.shape[1]
    methods = range(7) if n_pixels <= SMALL_PIXELS else (6,)
    best = _least(planes, [(0, 100), *((method, 75) for method in methods)], best)
    if best is None or (len(best) <= FEW_BYTES and n_pixels > SMALL_PIXELS):
        return best
    if len(best) > _SLOWEST_BYTES_PER_PIXEL * n_pixels and n_pixels > SMALL_PIXELS // 8:
        return best
    if 2e-6 * n_pixels + 2e-5 * len(best) > _SLOWEST_S:
        return best
    return _least(planes, [(4, 100), _SLOWEST], best)


def _least(planes: np.ndarray, settings: list[tuple[int, int]], best: bytes | None) -> bytes | None:
    for setting in settings:
        data = pack(planes, *setting)
        if data is not None and (best is None or len(data) < len(best)):
            best = data
    return best


def pack(planes: np.ndarray, method: int, quality: int) -> bytes | None:
    """The payload of pixels uint8 [H, W] or [H, W, 3]; None for a picture that is too large for a WebP."""
    height, width = planes.shape[:2]
    if not _fits(height, width):
        return None
    buffer = io.BytesIO()
    picture = Image.fromarray(planes).convert("RGB")
    picture.save(buffer, "WEBP", lossless=True, exact=True, quality=quality, method=method)
    data = buffer.getvalue()
    (length,) = struct.unpack_from("<I", data, 16)
    if data[12:16] != b"VP8L" or data[20 : 20 + _VP8L.size] != _head(height, width):
        return None  # a writer that adds to the simple file
    return data[20 + _VP8L.size : 20 + length]


def unpack(payload: bytes, height: int, width: int) -> np.ndarray:
    """Pixels uint8 [H, W, 3]. CorruptFile for a size that is never written, and what Pillow raises for other damage."""
    if not _fits(height, width):
        raise CorruptFile(f"the file is damaged: a WebP of {width} x {height} pixels cannot be")
    body = _head(height, width) + payload
    content = b"WEBPVP8L" + struct.pack("<I", len(body)) + body + bytes(len(body) % 2)
    with Image.open(io.BytesIO(b"RIFF" + struct.pack("<I", len(content)) + content), formats=["WEBP"]) as picture:
        return np.asarray(picture.convert("RGB"))


def _fits(height: int, width: int) -> bool:
    return max(height, width) <= _SIDE and height * width <= PILLOW_PIXELS


def _head(height: int, width: int) -> bytes:
    return _VP8L.pack(_SIGNATURE, (width - 1) | (height - 1) << 14)

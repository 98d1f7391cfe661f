"""PNG files of decoded pictures: 8 and 16 bits per colour (Pillow writes no 16-bit colour), by zlib and numpy alone, so
that decoding needs no more.
"""

import struct
import zlib

import numpy as np

_BLOCK_ROWS = 64  # filtered at a time: five candidates of each row are held


def png_bytes(image: np.ndarray) -> bytes:
    """A PNG of pixels [H, W] or [H, W, 3], uint8 or uint16."""
    height, width = image.shape[:2]
    colour_type, depth = (0 if image.ndim == 2 else 2), 8 * image.dtype.itemsize
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = (_chunk(b"IHDR", header), _chunk(b"IDAT", png_stream(image)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_stream(image: np.ndarray) -> bytes:
    """The zlib stream of a PNG's rows, each filtered the way that leaves the smallest differences."""
    height, width = image.shape[:2]
    step = image.dtype.itemsize * (1 if image.ndim == 2 else image.shape[2])  # bytes of a pixel
    rows = np.ascontiguousarray(image, image.dtype.newbyteorder(">")).view(np.uint8).reshape(height, width * step)
    deflate = zlib.compressobj(9)
    pieces, above = [], np.zeros((1, width * step), np.uint8)
    for first in range(0, height, _BLOCK_ROWS):
        block = rows[first : first + _BLOCK_ROWS]
        pieces.append(deflate.compress(_filtered(block, np.concatenate([above, block[:-1]]), step)))
        above = block[-1:]
    return b"".join([*pieces, deflate.flush()])


def _filtered(rows: np.ndarray, above: np.ndarray, step: int) -> bytes:
    """Rows uint8 [N, bytes] with the type of their filter before each (PNG, section 9)."""
    left, corner = (np.pad(x, ((0, 0), (step, 0)))[:, :-step] for x in (rows, above))
    mean = ((left.astype(np.uint16) + above) >> 1).astype(np.uint8)
    candidates = np.stack([rows, rows - left, rows - above, rows - mean, rows - _paeth(left, above, corner)])
    sizes = np.abs(candidates.view(np.int8).astype(np.int16)).sum(axis=2, dtype=np.int64)
    best = sizes.argmin(axis=0)
    chosen = np.take_along_axis(candidates, best[None, :, None], axis=0)[0]
    return np.concatenate([best[:, None].astype(np.uint8), chosen], axis=1).tobytes()


def _paeth(left: np.ndarray, above: np.ndarray, corner: np.ndarray) -> np.ndarray:
    a, b, c = (x.astype(np.int16) for x in (left, above, corner))
    to_a, to_b, to_c = np.abs(b - c), np.abs(a - c), np.abs(a + b - 2 * c)
    return np.where((to_a <= to_b) & (to_a <= to_c), left, np.where(to_b <= to_c, above, corner))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

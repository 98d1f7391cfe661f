"""PBM, PGM and PPM, plain and raw, read here: Pillow drops all pictures of a file but the first."""

import re

import numpy as np

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.formats.found import MAX_PIXELS, Found, several

_TOKEN = re.compile(rb"(?:\s|#[^\r\n]*[\r\n])*(\d+)")
_SPACE = re.compile(rb"(?:\s|#[^\r\n]*(?:[\r\n]|$))*")


def inspect(data: bytes) -> Found:
    """See formats.inspect; the pixels are read as well."""
    kind = data[1] - ord("0")
    plain, n_colours = kind <= 3, 3 if kind in (3, 6) else 1
    (width, height, *rest), position = _numbers(data, 2, 2 if kind in (1, 4) else 3)
    top = rest[0] if rest else 1
    if not 0 < width * height <= MAX_PIXELS:
        what = f"is too large, over {MAX_PIXELS} pixels; cut it up" if width * height else "has no pixel"
        raise UnsupportedImage(what)
    if not 1 <= top <= 65535:
        raise CorruptFile(f"its largest value is {top}")
    if 255 < top < 65535:
        raise UnsupportedImage(f"has {top.bit_length()} bits per colour; save it as an RGB or grey PNG first")
    shape = (height, width) if n_colours == 1 else (height, width, 3)
    if kind == 1:
        values = _plain_bits(data, position, width * height).reshape(shape)
    elif plain:
        values = _plain_values(data, position, width * height * n_colours).reshape(shape)
    else:
        values = _raw_values(data, position + 1, kind, shape, top)
    if values.max() > top:
        raise CorruptFile(f"a value is above {top}, its largest")
    if kind in (1, 4):
        values = 1 - values  # 1 is black
    if top == 65535:
        return Found((width, height), pixels=values.astype(np.uint16), deep=True)
    return Found((width, height), pixels=((values.astype(np.uint32) * 510 + top) // (2 * top)).astype(np.uint8))


def _numbers(data: bytes, position: int, n: int) -> tuple[list[int], int]:
    numbers = []
    for _ in range(n):
        found = _TOKEN.match(data, position, position + 65536)
        if not found or len(found[1]) > 10:
            raise CorruptFile("its header is cut off or no header")
        numbers.append(int(found[1]))
        position = found.end()
    return numbers, position


def _raw_values(data: bytes, start: int, kind: int, shape: tuple[int, ...], top: int) -> np.ndarray:
    row_bytes = -(-shape[1] // 8) if kind == 4 else int(np.prod(shape[1:])) * (2 if top > 255 else 1)
    end = start + shape[0] * row_bytes
    if end > len(data):
        raise CorruptFile(f"{end - len(data)} bytes are missing")
    _check_alone(data, end)
    body = np.frombuffer(data, np.uint8, end - start, start)
    if kind == 4:
        return np.unpackbits(body.reshape(shape[0], row_bytes), axis=1, count=shape[1])
    return (body.view(">u2") if top > 255 else body).reshape(shape)


def _plain_values(data: bytes, position: int, n: int) -> np.ndarray:
    text = re.sub(rb"#[^\r\n]*", b" ", data[position:])
    if re.search(rb"[^\d\s]", text):
        raise UnsupportedImage(several("several", "pictures")) if b"P" in text else CorruptFile("a value is no number")
    words = text.split()
    if len(words) != n or max(map(len, words)) > 10:
        raise CorruptFile(f"it has {len(words)} values, {n} are due")
    return np.array(words, dtype=np.int64)


def _plain_bits(data: bytes, position: int, n: int) -> np.ndarray:
    text = b"".join(re.sub(rb"#[^\r\n]*", b" ", data[position:]).split())
    if b"P" in text[n:]:
        raise UnsupportedImage(several("several", "pictures"))
    if len(text) != n or text.strip(b"01"):
        raise CorruptFile(f"it has {len(text)} digits, {n} zeros and ones are due")
    return np.frombuffer(text, np.uint8) - ord("0")


def _check_alone(data: bytes, end: int) -> None:
    rest = data[space.end() :] if (space := _SPACE.match(data, end)) else b""
    if re.match(rb"P[1-7fF]\s", rest):
        raise UnsupportedImage(several("several", "pictures"))
    if rest.strip(b"\0"):
        raise CorruptFile(f"{len(rest)} bytes follow its pixels")

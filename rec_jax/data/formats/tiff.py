"""TIFF: a directory of nothing but what the pixels need, and what the other tags say."""

import struct

import numpy as np

from rec_jax.core.errors import CorruptFile, UnsupportedImage
from rec_jax.data.formats.exif import colour_of, orientation_of
from rec_jax.data.formats.found import Found, several
from rec_jax.data.formats.tags import Directory, first_directory

_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 262, 266
_SAMPLES, _PLANAR, _EXTRA, _FORMAT, _REDUCED, _ICC, _DNG = 277, 284, 338, 339, 254, 34675, 50706
_GREY_CURVE, _COMPRESSION, _COLOUR_MAP, _NOT_COMPRESSED, _OLD_JPEG = 291, 259, 320, 1, 6
_STRIPS, _STRIP_ROWS, _STRIP_BYTES = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILES, _TILE_BYTES = 322, 323, 324, 325
_PIXELS = {256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 292, 293, 317, 320, 322, 323, 324, 325}
_PIXELS |= {332, 338, 339, 347, 512, 513, 514, 515, 517, 518, 519, 520, 521, 529, 530, 531, 532}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _MASK, _CMYK, _YCBCR, _LAB = 0, 1, 2, 3, 4, 5, 6, 8
_COLOURS = {_WHITE_IS_ZERO: 1, _BLACK_IS_ZERO: 1, _RGB: 3, _PALETTE: 1, _YCBCR: 3}
_REFUSED = {_MASK: "a transparency mask", _CMYK: "CMYK colours", _LAB: "Lab colours"}
_FORMATS = {2: "signed colours", 3: "floating-point colours"}
_SAVE_AS = "save it as an RGB or grey PNG first"
_MAX_PAGES = 10_000


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    directory = first_directory(data)
    if directory is None:
        raise CorruptFile("its directory cannot be read")
    if directory.big and directory.order == ">":
        raise UnsupportedImage(f"is a BigTIFF of the big-endian kind; {_SAVE_AS}")
    _check_alone(directory)
    depth = _check_kind(directory)
    _check_palette(directory, depth)
    _check_complete(directory)
    inverted = depth == 16 and directory.number(_PHOTOMETRIC, 0) == _WHITE_IS_ZERO
    return Found(
        (directory.number(_WIDTH, 0), directory.number(_HEIGHT, 0)),
        _stripped(directory, inverted),
        deep=depth == 16,
        inverted=inverted,
        orientation=orientation_of(directory),
        colour=_colour(directory),
    )


def _check_alone(directory: Directory) -> None:
    n_pages, page = 1, directory
    while page.following:
        page = page.at(page.following)
        n_pages += 1
        if page is None:
            raise CorruptFile("its second or a later page cannot be read")
        if n_pages > _MAX_PAGES:
            raise CorruptFile("its pages go round in a circle")
    if n_pages > 1:
        raise UnsupportedImage(several(n_pages))
    if directory.number(_REDUCED, 0) & 1:
        raise UnsupportedImage(f"shows only a reduced version of its picture; {_SAVE_AS}")
    if _DNG in directory.entries:
        raise UnsupportedImage(f"is a raw photograph (DNG); {_SAVE_AS}")


def _check_kind(directory: Directory) -> int:
    """Bits per colour, 16 or what is shown as 8; UnsupportedImage for what would be cut, reread or dropped."""
    if _PHOTOMETRIC not in directory.entries:
        raise UnsupportedImage("does not say whether 0 is black or white (photometric interpretation)")
    photometric = directory.number(_PHOTOMETRIC, -1)
    if photometric not in _COLOURS:
        what = _REFUSED.get(photometric, f"the photometric interpretation {photometric}")
        raise UnsupportedImage(f"has {what}; {_SAVE_AS}")
    for number in directory.values(_FORMAT):
        if number != 1:
            raise UnsupportedImage(f"has {_FORMATS.get(number, 'colours of an unknown kind')}; {_SAVE_AS}")
    depth = int(max(directory.values(_BITS) or (1,)))
    if depth > 8 and (depth != 16 or min(directory.values(_BITS)) != 16 or photometric in (_PALETTE, _YCBCR)):
        raise UnsupportedImage(f"has {depth} bits per colour; {_SAVE_AS}")
    extra = directory.values(_EXTRA)
    if directory.number(_SAMPLES, 1) > _COLOURS[photometric] + len(extra) or any(kind not in (1, 2) for kind in extra):
        raise UnsupportedImage(f"has a channel of unknown meaning besides its colours; {_SAVE_AS}")
    plain = directory.number(_PLANAR, 1) == 1 and directory.number(_FILL_ORDER, 1) == 1
    if depth == 16 and not (plain and (photometric == _RGB or not extra)):
        raise UnsupportedImage(f"has 16 bits per colour in separate planes or with alpha; {_SAVE_AS}")
    return depth


def _check_palette(directory: Directory, depth: int) -> None:
    """Entries have 16 bits, of which Pillow takes the higher 8: they must say no more."""
    if directory.number(_PHOTOMETRIC, -1) != _PALETTE:
        return
    entries = np.array(directory.values(_COLOUR_MAP), np.int64)
    if len(entries) != 3 << depth:
        raise CorruptFile(f"its palette has {len(entries)} values, {3 << depth} are due")
    if (entries % 257).any() and (entries % 256).any():
        raise UnsupportedImage(
            "has palette colours of 16 bits that are none of 8 bits, and nothing is cut to 8 bits; "
            "save it as an RGB PNG of 16 bits first"
        )


def _check_complete(directory: Directory) -> None:
    """CorruptFile unless there is a strip or tile for every pixel and, without compression, a byte for every value."""
    width, height = directory.number(_WIDTH, 0), directory.number(_HEIGHT, 0)
    compression = directory.number(_COMPRESSION, _NOT_COMPRESSED)
    if compression == _OLD_JPEG:  # may have none
        return
    plain = compression == _NOT_COMPRESSED
    tiled = _TILE_WIDTH in directory.entries or _TILES in directory.entries
    if tiled and plain and _STRIPS in directory.entries:
        raise CorruptFile("it has strips and tiles at once")
    columns, rows = width, min(directory.number(_STRIP_ROWS, height), height)
    if tiled:
        columns, rows = directory.number(_TILE_WIDTH, 0), directory.number(_TILE_HEIGHT, 0)
    if width <= 0 or height <= 0 or columns <= 0 or rows <= 0:
        raise CorruptFile("it, or its strips or tiles, have no pixel")
    planes = _bits(directory) if directory.number(_PLANAR, 1) == 2 else [sum(_bits(directory))]
    across, down = -(-width // columns), -(-height // rows)
    what = "tiles" if tiled else "strips"
    offsets = directory.values(_TILES if tiled and _TILES in directory.entries else _STRIPS)
    n_due = across * down * len(planes)
    if len(offsets) < n_due or (plain and len(offsets) > n_due):
        raise CorruptFile(f"it has {len(offsets)} {what}, {n_due} are due")
    if not plain or directory.number(_PHOTOMETRIC, -1) == _YCBCR:  # libtiff, or nobody, reads them
        return
    row_bytes = np.repeat([-(-columns * bits // 8) for bits in planes], across * down)
    n_rows = np.tile(np.repeat(np.minimum(rows, height - rows * np.arange(down)), across), len(planes))
    due = (row_bytes * n_rows).astype(np.uint64)
    lengths = np.array(directory.values(_TILE_BYTES if tiled else _STRIP_BYTES) or due, np.uint64)  # old ones lack it
    if len(lengths) != n_due or (lengths < due).any():
        raise CorruptFile(f"its {what} hold fewer bytes than their pixels need")
    if max(np.array(offsets, np.uint64) + due) > len(directory.data):
        raise CorruptFile(f"its {what} go on behind its end")


def _bits(directory: Directory) -> list[int]:
    """Bits of each value of a pixel; one number may stand for all."""
    bits, n_samples = directory.values(_BITS) or (1,), directory.number(_SAMPLES, 1)
    return [int(n) for n in (bits * n_samples if len(bits) == 1 else bits[:n_samples])]


def _colour(directory: Directory) -> str:
    if _ICC in directory.entries:
        return "an ICC profile"
    return "a response curve of its greys" if _GREY_CURVE in directory.entries else colour_of(directory)


def _stripped(directory: Directory, inverted: bool) -> bytes:
    """The file with nothing in its directory but the tags that pixels need, and no further directory."""
    data, order = directory.data, directory.order
    entries = [entry for tag, entry in sorted(directory.entries.items()) if tag in _PIXELS]
    if inverted:  # Pillow reads no such file of the other byte order, and inverts none
        black = struct.pack(order + "HH" + ("Q" if directory.big else "I"), _PHOTOMETRIC, 3, 1)
        black += struct.pack(order + "H", _BLACK_IS_ZERO) + bytes(6 if directory.big else 2)
        entries = [black if entry[:2] == black[:2] else entry for entry in entries]
    counts, zero = ("Q", bytes(8)) if directory.big else ("H", bytes(4))
    shorter = struct.pack(order + counts, len(entries)) + b"".join(entries) + zero
    return data[: directory.offset] + shorter + data[directory.offset + len(shorter) :]

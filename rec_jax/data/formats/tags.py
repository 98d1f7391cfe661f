"""Tags of TIFF directories, which EXIF and the index of multi-picture JPEGs are as well: read as far as they go."""

import dataclasses
import struct

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_LETTERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
_MAX_ENTRIES = 4096
_MAX_VALUES = 1 << 20  # a TIFF may have as many strips as rows


@dataclasses.dataclass(frozen=True)
class Directory:
    """One image file directory.

    offset: its place.  entries: {tag: its bytes as they stand}.  following: offset of the next one, or 0.
    """

    data: bytes
    offset: int
    order: str  # '<' or '>'
    big: bool  # BigTIFF
    entries: dict[int, bytes]
    following: int

    def values(self, tag: int) -> tuple[float, ...]:
        """The numbers of a tag: integers, rationals as floats, bytes; () if it is absent or makes no sense."""
        kind, data = self.content(tag)
        if kind in (5, 10):
            pairs = struct.unpack(f"{self.order}{len(data) // 4}{'I' if kind == 5 else 'i'}", data)
            return tuple(a / b if b else 0.0 for a, b in zip(pairs[::2], pairs[1::2], strict=True))
        if kind in _LETTERS:
            return struct.unpack(f"{self.order}{len(data) // _SIZES[kind]}{_LETTERS[kind]}", data)
        return ()

    def number(self, tag: int, default: int) -> int:
        """The first of a tag's integers."""
        values = self.values(tag)
        return int(values[0]) if values else default

    def content(self, tag: int) -> tuple[int, bytes]:
        """(type, bytes) of a tag; (0, b'') if it is absent or lies outside the file."""
        if (entry := self.entries.get(tag)) is None:
            return 0, b""
        kind, count = struct.unpack_from(self.order + ("HQ" if self.big else "HI"), entry, 2)
        inline = entry[12:] if self.big else entry[8:]
        size = _SIZES.get(kind, 0) * count
        if not 0 < count <= _MAX_VALUES or not size:
            return 0, b""
        if size > len(inline):
            (offset,) = struct.unpack(self.order + ("Q" if self.big else "I"), inline)
            inline = self.data[offset : offset + size]
        return (kind, inline[:size]) if len(inline) >= size else (0, b"")

    def at(self, offset: int) -> "Directory | None":
        """Another directory of the same file."""
        return _directory(self.data, self.order, self.big, offset)


def first_directory(data: bytes) -> Directory | None:
    """The first directory of a TIFF structure (classic or BigTIFF); None if it cannot be read."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2])
    if order is None or len(data) < 8:
        return None
    (version,) = struct.unpack_from(order + "H", data, 2)
    if version == 43 and len(data) >= 16:
        return _directory(data, order, True, *struct.unpack_from(order + "Q", data, 8))
    return _directory(data, order, False, *struct.unpack_from(order + "I", data, 4)) if version == 42 else None


def _directory(data: bytes, order: str, big: bool, offset: int) -> Directory | None:
    head, entry_size, tail = ("Q", 20, "Q") if big else ("H", 12, "I")
    try:
        (n_entries,) = struct.unpack_from(order + head, data, offset)
    except (struct.error, OverflowError):
        return None
    start = offset + struct.calcsize(order + head)
    end = start + n_entries * entry_size
    if n_entries > _MAX_ENTRIES or end > len(data):
        return None
    raw = [data[i : i + entry_size] for i in range(start, end, entry_size)]
    entries = {struct.unpack_from(order + "H", entry)[0]: entry for entry in reversed(raw)}  # the first of a tag counts
    try:
        (following,) = struct.unpack_from(order + tail, data, end)
    except struct.error:  # cut off after the last entry
        following = 0
    return Directory(data, offset, order, big, entries, following)

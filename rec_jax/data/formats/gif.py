"""GIF has no colour meaning of its own; one writer's habit of a profile in an extension is known. And its palette."""

from rec_jax.core.errors import UnsupportedImage
from rec_jax.data.formats.found import Found, several


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    rest = data.rstrip(b"\0\r\n")
    if b"\x3bGIF8" in rest and not rest.endswith(b"\x3bGIF8"):
        behind = rest[rest.index(b"\x3bGIF8") + 5 : rest.index(b"\x3bGIF8") + 7]
        if behind in (b"7a", b"9a"):
            raise UnsupportedImage(several("several", "pictures"))
    colour = "an ICC profile" if b"\x21\xff\x0bICCRGBG1012" in data else ""
    return Found((0, 0), data, colour=colour, n_colours=_n_colours(data))


def _n_colours(data: bytes) -> int:
    """Entries of the first picture's palette, its own or the file's; 0 if there is none."""
    if len(data) < 13:
        return 0
    n_colours = _palette_size(data[10])
    position = 13 + 3 * n_colours
    while data[position : position + 1] == b"!":
        position += 2
        while position < len(data) and data[position]:  # blocks, each behind its length
            position += 1 + data[position]
        position += 1
    if data[position : position + 1] == b"," and position + 9 < len(data):
        n_colours = _palette_size(data[position + 9]) or n_colours
    return n_colours


def _palette_size(flags: int) -> int:
    return 2 << (flags & 7) if flags & 0x80 else 0

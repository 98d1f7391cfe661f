"""GIF has no colour meaning of its own; one writer's habit of a profile in an extension is known."""

from rec_jax.core.errors import UnsupportedImage
from rec_jax.data.formats.found import Found, several


def inspect(data: bytes) -> Found:
    """See formats.inspect."""
    rest = data.rstrip(b"\0\r\n")
    if b"\x3bGIF8" in rest and not rest.endswith(b"\x3bGIF8"):
        behind = rest[rest.index(b"\x3bGIF8") + 5 : rest.index(b"\x3bGIF8") + 7]
        if behind in (b"7a", b"9a"):
            raise UnsupportedImage(several("several", "pictures"))
    return Found((0, 0), data, colour="an ICC profile" if b"\x21\xff\x0bICCRGBG1012" in data else "")

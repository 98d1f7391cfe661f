"""What looking at a file finds before its pixels are decoded."""

import dataclasses
from collections.abc import Callable

import numpy as np


def _nothing() -> None:
    pass


@dataclasses.dataclass(frozen=True)
class Found:
    """A picture file without everything that its pixels do not need.

    data: what the decoder is given; pixels: or the pixels themselves, where the format is read here.
    size: (width, height) of the pixels as they are stored.
    deep: the picture has 16 bits per colour.  paired: the decoder then gives two 8-bit channels for each.
    inverted: a grey value of 0 is white.
    orientation: 1 to 8, as EXIF counts.
    colour: what says that the numbers mean other colours than sRGB's, '' if nothing does.
    n_colours: entries of the palette, 0 if there is none or it holds every index.
    check: raises CorruptFile for coded pixels that are missing, where the decoder would make them up; it may take as
      long as decoding, so it is called when the size is known to be allowed.
    """

    size: tuple[int, int]
    data: bytes = b""
    pixels: np.ndarray | None = None
    deep: bool = False
    paired: bool = False
    inverted: bool = False
    orientation: int = 1
    colour: str = ""
    n_colours: int = 0
    check: Callable[[], None] = _nothing


MAX_PIXELS = 2**28  # of a picture that is read here
SRGB_PRIMARIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06)  # x, y of red, green and blue
SRGB_WHITE = (0.3127, 0.3290)
_TOLERANCE = 0.005


def is_srgb(values: tuple[float, ...], expected: tuple[float, ...]) -> bool:
    """Whether chromaticities are those of sRGB, up to how programs round them."""
    return len(values) == len(expected) and all(abs(a - b) <= _TOLERANCE for a, b in zip(values, expected, strict=True))


def several(n: int | str, what: str = "frames or pages") -> str:
    """The sentence for a file of several pictures."""
    return f"has {n} {what}; save the one wanted as a PNG first"

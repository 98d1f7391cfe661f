"""The two things that EXIF says about pixels: how the picture is turned and what its colours mean."""

from rec_jax.data.formats.found import SRGB_PRIMARIES, SRGB_WHITE, is_srgb
from rec_jax.data.formats.tags import Directory, first_directory

_ORIENTATION, _EXIF, _INTEROPERABILITY = 0x0112, 0x8769, 0xA005
_WHITE, _PRIMARIES, _TRANSFER, _GAMMA = 0x013E, 0x013F, 0x012D, 0xA500
_COLOUR_SPACE, _INDEX = 0xA001, 0x0001
_ADOBE_RGB = 2  # of _COLOUR_SPACE, by custom


def inspect_exif(data: bytes) -> tuple[int, str]:
    """(orientation, colour) as Found has them, of an EXIF block with or without its 'Exif' heading."""
    directory = first_directory(data[6:] if data.startswith(b"Exif\0") else data)
    return (orientation_of(directory), colour_of(directory)) if directory else (1, "")


def orientation_of(directory: Directory) -> int:
    """1 to 8; 1 for what is absent or unreadable."""
    value = directory.number(_ORIENTATION, 1)
    return value if 1 <= value <= 8 else 1


def colour_of(directory: Directory) -> str:
    """What says that the colours are not sRGB's, or ''."""
    if _TRANSFER in directory.entries:
        return "a transfer function"
    for tag, expected in ((_WHITE, SRGB_WHITE), (_PRIMARIES, SRGB_PRIMARIES)):
        values = directory.values(tag)
        if values and not is_srgb(values, expected):
            return "primaries other than sRGB's"
    exif = directory.at(directory.number(_EXIF, 0)) if _EXIF in directory.entries else None
    if exif is None:
        return ""
    gamma = exif.values(_GAMMA)
    if gamma and gamma[0] and not 2.1 <= gamma[0] <= 2.3:
        return f"a gamma of {gamma[0]:.3g} in its EXIF data"
    shared = exif.at(exif.number(_INTEROPERABILITY, 0)) if _INTEROPERABILITY in exif.entries else None
    if exif.number(_COLOUR_SPACE, 1) == _ADOBE_RGB or (shared and shared.content(_INDEX)[1][:3] == b"R03"):
        return "the colour space Adobe RGB in its EXIF data"
    return ""

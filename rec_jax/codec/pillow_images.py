"""What an image of Pillow is beyond its numbers, found without importing Pillow: mode, frames, orientation."""

from typing import Any

from rec_jax.core.errors import UnsupportedImage

MODES = ("RGB", "L", "I;16")  # whose numbers are the colours
_CONVERTED = {"1": "L", "LA": "L", "La": "L", "F": "L", "I": "I;16"}  # what to make of other modes; else RGB
_ORIENTATION = 0x0112  # of EXIF


def check_pillow_image(image: Any) -> None:
    """UnsupportedImage for an image of Pillow unless its numbers are its colours, of one picture and upright."""
    if not (isinstance(getattr(image, "mode", None), str) and hasattr(image, "convert")):
        return
    if (mode := image.mode) not in MODES:
        wanted = (
            "numpy.asarray(image).astype('uint16')"
            if mode.startswith("I;16")
            else f"image.convert({_CONVERTED.get(mode, 'RGB')!r})"
        )
        raise UnsupportedImage(
            f"image is a Pillow image of mode {mode}; give one of {', '.join(MODES)}, as {wanted} is"
        )
    if (n := n_frames(image)) > 1:
        raise UnsupportedImage(f"image has {n} frames; give one, as image.copy() is")
    if (turned := orientation(image)) != 1:
        raise UnsupportedImage(f"image has the orientation {turned}; give PIL.ImageOps.exif_transpose(image)")


def n_frames(image: Any) -> int:
    """Frames of a Pillow image; 1 where its file was closed before they were counted."""
    try:
        return getattr(image, "n_frames", 1)
    except Exception:  # Pillow raises several types for a closed file
        return 1


def orientation(image: Any) -> int:
    """1, upright, to 8; 1 for what is absent or unreadable."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow raises almost any type on damaged EXIF, which says nothing then
        return 1
    return value if value in range(1, 9) else 1

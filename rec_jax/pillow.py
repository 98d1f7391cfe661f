"""`.rec` as a format of Pillow, from the import of this module on.

>>> import rec_jax.pillow
>>> image.save("picture.rec")  # modes RGB, L and I;16; options: model=NAME|PATH, preset=NAME
>>> Image.open("picture.rec")  # size and mode at once, the pixels when they are asked for

As Pillow's own formats do, it raises OSError for what cannot be read or written. A `.rec` file holds pixels alone: an
image with a colour profile, a transparent colour or an orientation is refused until the caller takes that away.
"""

import io
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from rec_jax.codec import container, decode, load_codec
from rec_jax.codec.defaults import default_model
from rec_jax.core.errors import RecError

FORMAT = "REC"
_DTYPES = {"RGB": np.dtype(np.uint8), "L": np.dtype(np.uint8), "I;16": np.dtype("<u2")}
_MEANINGS = {"icc_profile": "a colour profile", "transparency": "a transparent colour"}


def register() -> None:
    """Makes `.rec` known to Pillow; importing this module does it."""
    Image.register_open(FORMAT, RecImageFile, container.is_rec)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, ".rec")


class RecImageFile(ImageFile.ImageFile):
    """A `.rec` file, decoded when its pixels are asked for."""

    format = FORMAT
    format_description = "rec_jax image"
    _waiting: bytes | None = None  # the file, until it is decoded

    def _open(self) -> None:
        assert self.fp is not None, "Pillow opened it"
        data = self.fp.read()
        try:
            header, _ = container.unpack(data)
        except RecError as error:
            raise OSError(str(error)) from error
        self._size, self._mode = (header.width, header.height), _mode(header)
        self._waiting = data

    def load(self) -> Any:
        """Decodes once; Pillow's method of this name."""
        if self._waiting is not None:
            try:
                pixels = decode(self._waiting)
            except RecError as error:
                raise OSError(str(error)) from error
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
            self.fp = io.BytesIO(np.ascontiguousarray(pixels, _DTYPES[self.mode]).tobytes())
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
            self._waiting = None
        return super().load()

    def load_seek(self, pos: int) -> None:
        """Nothing: that there is this method keeps Pillow from mapping the file itself as pixels."""


def _mode(header: container.Header) -> str:
    if header.depth == 8:
        return "L" if header.grey else "RGB"
    if not header.grey:
        raise OSError("Pillow has no mode for 16-bit colour; rec_jax.decode(data) gives the pixels as an array")
    return "I;16"


def _save(image: Image.Image, fp: Any, filename: str | bytes) -> None:
    """A handler of Image.save."""
    del filename
    if image.mode not in _DTYPES:
        raise OSError(f"cannot write mode {image.mode} as REC; convert it to one of {', '.join(_DTYPES)}")
    options = image.encoderinfo
    for name, meaning in _MEANINGS.items():
        if options.get(name, image.info.get(name)) is not None:
            raise OSError(f"a .rec file does not hold {meaning}; save(..., {name}=None) leaves it out")
    if image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        raise OSError("a .rec file does not hold an orientation; turn the image with ImageOps.exif_transpose")
    pixels = np.asarray(image)
    try:
        codec = load_codec(options.get("model") or default_model(pixels), options.get("preset") or "default")
        fp.write(codec.compress(pixels))
    except RecError as error:
        raise OSError(str(error)) from error


register()

"""`.rec` as a format of Pillow, from the import of this module on.

>>> import rec_jax.pillow
>>> image.save("picture.rec")  # modes RGB, L and I;16; options: model=NAME|PATH, preset=NAME, quality=0..100
>>> Image.open("picture.rec")  # size and mode at once, the pixels when they are asked for

As Pillow's own formats do, it raises OSError for what cannot be read or written. A `.rec` file holds the pixels of one
picture alone: an image with a colour profile or another meaning of colours than sRGB's, a transparent colour, an
orientation or further frames is refused until the caller takes that away. A lossy model needs a quality.
"""

import io
import os
from typing import Any

import numpy as np
from PIL import Image, ImageFile

from rec_jax.codec import container, decode, load_codec, pillow_images
from rec_jax.codec.base import FileCodec
from rec_jax.codec.curve import CurveCodec
from rec_jax.codec.defaults import default_model
from rec_jax.core.errors import RecError
from rec_jax.data.formats.exif import inspect_exif
from rec_jax.data.formats.png import gamma_other_than_srgb, primaries_other_than_srgb

FORMAT = "REC"
_DTYPES = {"RGB": np.dtype(np.uint8), "L": np.dtype(np.uint8), "I;16": np.dtype("<u2")}
_MEANINGS = {"icc_profile": "a colour profile", "transparency": "a transparent colour"}


def register() -> None:
    """Makes `.rec` known to Pillow; importing this module does it."""
    Image.register_open(FORMAT, RecImageFile, container.is_rec)
    Image.register_save(FORMAT, _save)
    Image.register_save_all(FORMAT, _save_all)
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
    if (n := pillow_images.n_frames(image)) > 1:
        raise OSError(f"a .rec file holds one picture, not {n} frames; save image.copy(), which is the one shown")
    options = image.encoderinfo
    if options.get("append_images"):
        _save_all(image, fp, "")
    for name, meaning in (_MEANINGS | _other_colours(image)).items():
        if options.get(name, image.info.get(name)) is not None:
            raise OSError(f"a .rec file does not hold {meaning}; save(..., {name}=None) leaves it out")
    _check_exif(image)
    pixels = np.asarray(image)
    try:
        fp.write(_codec(pixels, options).compress(pixels))
    except RecError as error:
        raise OSError(str(error)) from error


def _save_all(image: Image.Image, fp: Any, filename: str | bytes) -> None:
    """A handler of Image.save with save_all or append_images."""
    del image, fp, filename
    raise OSError("a .rec file holds one picture; save each with a name of its own, without save_all and append_images")


def _other_colours(image: Image.Image) -> dict[str, str]:
    """{name in image.info: meaning} of what a PNG says beside a profile or sRGB, which are above it in rank."""
    info = image.info
    if "srgb" in info or info.get("icc_profile") is not None:
        return {}
    found = {
        "gamma": gamma_other_than_srgb(info.get("gamma") or 0),
        "chromaticity": primaries_other_than_srgb(info.get("chromaticity") or ()),
    }
    return {name: meaning for name, meaning in found.items() if meaning}


def _check_exif(image: Image.Image) -> None:
    """OSError for an orientation or colours that the EXIF data speak of: those given to save, or the image's own."""
    if "exif" in image.encoderinfo:
        given = image.encoderinfo["exif"]
        given = given.tobytes() if isinstance(given, Image.Exif) else given or b""
        if not isinstance(given, bytes):
            raise OSError(f"exif={given!r}: bytes or an Image.Exif")
        orientation, colour = inspect_exif(given)
    else:
        own = image.info.get("exif")
        orientation, colour = pillow_images.orientation(image), inspect_exif(own)[1] if isinstance(own, bytes) else ""
    if orientation != 1:
        raise OSError("a .rec file does not hold an orientation; turn the image with ImageOps.exif_transpose")
    if colour:
        raise OSError(f"a .rec file does not hold {colour}; save(..., exif=None) leaves it out")


def _codec(pixels: np.ndarray, options: dict[str, Any]) -> FileCodec:
    model, preset, quality = options.get("model"), options.get("preset"), options.get("quality")
    if not isinstance(model, str | os.PathLike | None) or not isinstance(preset, str | None):
        raise OSError(f"model={model!r}, preset={preset!r}: a name or a path, and a name")
    codec = load_codec(default_model(pixels) if model is None else model, "default" if preset is None else preset)
    if not isinstance(codec, CurveCodec):
        return codec
    if quality is None:
        raise OSError(f"the model {model} is lossy; give save(..., quality=0..100) too, or a model that is not")
    return codec.at(quality)


register()

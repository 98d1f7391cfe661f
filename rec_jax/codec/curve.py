"""What the codecs of lossy pictures have in common: a quality, at one point of their model's curve."""

import abc
import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import FileCodec
from rec_jax.codec.lossy_pictures import as_colour, padded
from rec_jax.core.errors import ConfigError, CorruptFile, UnsupportedImage
from rec_jax.models.base import CurveModel
from rec_jax.models.exact_params import exact_params, float_params
from rec_jax.models.knots import MAX_QUALITY, at_quality

DEFAULT_QUALITY = 50


@dataclasses.dataclass(frozen=True, eq=False)
class CurveCodec(FileCodec):
    """quality: 0 to 100, what `compress` aims at (models/knots.py); a file says its own, and is decoded with it."""

    quality: int = dataclasses.field(default=DEFAULT_QUALITY, kw_only=True)

    exact = False

    def __post_init__(self):
        object.__setattr__(self, "quality", checked_quality(self.quality))

    @property
    @abc.abstractmethod
    def model(self) -> CurveModel:
        """The package's."""

    @abc.abstractmethod
    def estimate(self, image: np.ndarray) -> tuple[float, np.ndarray]:
        """About (the bits, the picture) of a file of an image uint8 at the codec's quality, found quickly."""

    def at(self, quality: int) -> Self:
        """The same codec at another quality."""
        return dataclasses.replace(self, quality=quality)

    def on_device(self, platform: str | None) -> Self:
        if platform is not None:
            raise ConfigError("a lossy file is decoded on the processor; take no device")
        return self

    def pieces(self, image: np.ndarray) -> np.ndarray:
        return padded(as_colour(image), self.model.stride)[None]

    def decoder_params(self, quality: int) -> dict[str, Any]:
        """Integers, of one quality."""
        return exact_params(self.package.model, at_quality(self.package.stored, quality))

    def encoder_params(self, quality: int) -> dict[str, Any]:
        """The same, and the encoder's own, as floats."""
        return float_params(at_quality(self.package.stored, quality))


def checked_quality(quality: int | np.integer) -> int:
    """A quality as Python's integer; ConfigError for what is none, True and 50.0 too."""
    if isinstance(quality, bool) or not isinstance(quality, int | np.integer) or not 0 <= quality <= MAX_QUALITY:
        raise ConfigError(f"quality={quality!r}: a whole number from 0 to {MAX_QUALITY}")
    return int(quality)


def check_8_bits(images: Sequence[np.ndarray]) -> None:
    """UnsupportedImage for one of 16 bits."""
    for image in images:
        if image.dtype != np.uint8:
            raise UnsupportedImage(
                f"image is {image.dtype}: a lossy file holds 8 bits; compress it without loss, or convert it first"
            )


def read_quality(header: container.Header, payload: bytes) -> int:
    """What a lossy file's payload begins with."""
    if header.depth != 8 or not payload or payload[0] > MAX_QUALITY:
        raise CorruptFile("the file is damaged: its quality is none of a lossy file's")
    return payload[0]

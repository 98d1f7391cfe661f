"""The quality of a lossy file that shall have at most so many bytes, or at least so many decibels.

Rate and distortion grow with the quality, so a bisection over estimates finds about the right one;
what is returned was encoded, and kept the promise.
"""

import dataclasses
import functools
import math
from collections.abc import Callable

import numpy as np

from rec_jax.codec import container
from rec_jax.codec.base import Encoded, embedded_file
from rec_jax.codec.curve import CurveCodec, check_8_bits, checked_quality, read_quality
from rec_jax.codec.embedded import pack_embedded, quick_embedded
from rec_jax.core.errors import ConfigError
from rec_jax.core.progress import Progress
from rec_jax.core.psnr import psnr_db
from rec_jax.models.knots import MAX_QUALITY, quality_of

_SMALLEST_GAINS = 1.25  # how much larger than the smallest embedded file a quick one may be


@dataclasses.dataclass(frozen=True)
class Aim:
    """What a lossy file shall be: one of these, or nothing for the default quality.

    quality: 0 to 100.  multiplier: lambda, in bits per pixel per 255^2 MSE; the nearest quality.  max_bytes: of the
    file.  psnr_db: of the picture.  ConfigError for what no file can be.
    """

    quality: int | None = None
    multiplier: float | None = None
    max_bytes: int | None = None
    psnr_db: float | None = None

    def __post_init__(self):
        if self.quality is not None:
            checked_quality(self.quality)
        if self.multiplier is not None and not 0 < self.multiplier < math.inf:
            raise ConfigError(f"lambda={self.multiplier!r}: must be a number above 0")
        if self.max_bytes is not None and self.max_bytes < 1:
            raise ConfigError(f"max_bytes={self.max_bytes!r}: a whole number above 0")
        if self.psnr_db is not None and not 0 < self.psnr_db < math.inf:
            raise ConfigError(f"psnr_db={self.psnr_db!r}: a number above 0; exact pixels are a lossless model's")

    def encode(self, codec: CurveCodec, image: np.ndarray, progress: Progress | None = None) -> Encoded:
        """The file; ConfigError where there is none."""
        if self.max_bytes is not None:
            return encode_within(codec, image, self.max_bytes, progress)
        if self.psnr_db is not None:
            return encode_reaching(codec, image, self.psnr_db, progress)
        return self._at_quality(codec).encode([image], progress)[0]

    def is_kept_by(self, blob: bytes, pixels: np.ndarray, codec: CurveCodec, image: np.ndarray) -> bool:
        """Whether a file of an image, which decodes to `pixels`, is as `encode` would make it or keeps its promise.

        RecError for an image, or a file, that cannot be a lossy codec's.
        """
        header, payload = container.unpack(blob)
        if header.kind == container.LOSSLESS:
            return False
        if self.max_bytes is not None:
            return len(blob) <= self.max_bytes
        if self.psnr_db is not None:
            return psnr_db(image, pixels) >= self.psnr_db
        codec = self._at_quality(codec)
        if header.kind == container.LOSSY:
            return read_quality(header, payload) == codec.quality
        if 8 * len(blob) <= codec.estimate(image)[0]:
            return True
        return codec.encode([image])[0].kind == container.EMBEDDED

    def _at_quality(self, codec: CurveCodec) -> CurveCodec:
        """The codec at what was asked for, where it is a quality."""
        if self.multiplier is not None:
            return codec.at(quality_of(codec.model.lambdas, self.multiplier))
        return codec if self.quality is None else codec.at(self.quality)


def encode_within(codec: CurveCodec, image: np.ndarray, max_bytes: int, progress: Progress | None = None) -> Encoded:
    """The file of the highest quality found that has at most max_bytes: exact pixels, where a classical format fits.

    Raises ConfigError where even quality 0 takes more.
    """
    image = container.checked_image(image)
    check_8_bits([image])
    if codec.fallback == "smallest" and (exact := _exact_within(image, max_bytes)):
        return exact
    estimate_bits = functools.cache(lambda quality: codec.at(quality).estimate(image)[0])
    excess, quality = 1.0, MAX_QUALITY + 1  # of a file over its estimate
    while True:
        allowed_bits = 8 * max_bytes / excess
        quality = _last_true(lambda q, most=allowed_bits: estimate_bits(q) <= most, quality - 1)
        found = codec.at(max(quality, 0)).encode([image], progress)[0]
        n_bytes = len(found.blob)
        if n_bytes <= max_bytes:
            return found
        if quality <= 0:
            raise ConfigError(
                f"this picture has no file of {max_bytes} bytes with this model: quality 0 takes {n_bytes}; allow more"
            )
        excess = 8 * n_bytes / estimate_bits(quality)


def _exact_within(image: np.ndarray, max_bytes: int) -> Encoded | None:
    """The picture in a classical format; None where that does not fit."""
    quick = quick_embedded(image)
    if len(quick[1]) > _SMALLEST_GAINS * max_bytes:
        return None
    found = embedded_file(pack_embedded(image, quick))
    return found if len(found.blob) <= max_bytes else None


def encode_reaching(codec: CurveCodec, image: np.ndarray, least_db: float, progress: Progress | None = None) -> Encoded:
    """The file of the lowest quality found whose picture has at least least_db decibels.

    Raises ConfigError where even quality 100 has less, whose file is made whatever is estimated: it may be exact.
    """
    quality = _last_true(
        lambda quality: psnr_db(image, codec.at(quality).estimate(image)[1]) < least_db, MAX_QUALITY - 1
    )
    quality, reached = quality + 1, 0.0
    while quality <= MAX_QUALITY:
        found = codec.at(quality).encode([image], progress)[0]
        reached = psnr_db(image, codec.decompress(found.blob))
        if reached >= least_db:
            return found
        quality += 1
    raise ConfigError(
        f"psnr {least_db} dB is beyond this model at quality {MAX_QUALITY}; it reaches {reached:.2f} dB: ask for less"
    )


def _last_true(holds: Callable[[int], bool], most: int = MAX_QUALITY) -> int:
    """The last of 0 .. most that holds, of a condition that holds up to somewhere; -1: none."""
    low, high = -1, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low

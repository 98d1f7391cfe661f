"""The quality of a lossy file that shall have at most so many bytes, or at least so many decibels.

Rate and distortion grow with the quality, so a bisection over estimates finds about the right one;
what is returned was encoded, and kept the promise.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from rec_jax.codec.base import Encoded
from rec_jax.codec.curve import CurveCodec
from rec_jax.core.errors import ConfigError
from rec_jax.core.progress import Progress
from rec_jax.core.psnr import psnr_db
from rec_jax.models.knots import MAX_QUALITY, quality_of


@dataclasses.dataclass(frozen=True)
class Aim:
    """What a lossy file shall be: one of these, or nothing for the default quality.

    quality: 0 to 100.  multiplier: lambda, in bits per pixel per 255^2 MSE; the nearest quality.  max_bytes: of the
    file.  psnr_db: of the picture.
    """

    quality: int | None = None
    multiplier: float | None = None
    max_bytes: int | None = None
    psnr_db: float | None = None

    def encode(self, codec: CurveCodec, image: np.ndarray, progress: Progress | None = None) -> Encoded:
        """The file; ConfigError where there is none."""
        if self.max_bytes is not None:
            return encode_within(codec, image, self.max_bytes, progress)
        if self.psnr_db is not None:
            return encode_reaching(codec, image, self.psnr_db, progress)
        if self.multiplier is not None:
            codec = codec.at(quality_of(codec.model.lambdas, self.multiplier))
        elif self.quality is not None:
            codec = codec.at(self.quality)
        return codec.encode([image], progress)[0]


def encode_within(codec: CurveCodec, image: np.ndarray, max_bytes: int, progress: Progress | None = None) -> Encoded:
    """The file of the highest quality found that has at most max_bytes.

    Raises ConfigError where even quality 0 takes more.
    """
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


def encode_reaching(codec: CurveCodec, image: np.ndarray, least_db: float, progress: Progress | None = None) -> Encoded:
    """The file of the lowest quality found whose picture has at least least_db decibels.

    Raises ConfigError where even quality 100 has less.
    """
    quality = _last_true(lambda quality: psnr_db(image, codec.at(quality).estimate(image)[1]) < least_db) + 1
    reached = -1.0
    while quality <= MAX_QUALITY:
        found = codec.at(quality).encode([image], progress)[0]
        reached = psnr_db(image, codec.decompress(found.blob))
        if reached >= least_db:
            return found
        quality += 1
    best = f"; it reaches {reached:.2f} dB" if reached >= 0 else ""
    raise ConfigError(f"psnr {least_db} dB is beyond this model at quality {MAX_QUALITY}{best}: ask for less")


def _last_true(holds: Callable[[int], bool], most: int = MAX_QUALITY) -> int:
    """The last of 0 .. most that holds, of a condition that holds up to somewhere; -1: none."""
    low, high = -1, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low

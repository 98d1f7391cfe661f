"""What Pillow writes: JPEG, WebP, JPEG 2000 and AVIF."""

import importlib.metadata
import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, features

from experiments.figure3.file_codec import FileCodec
from rec_jax.core.errors import MissingFile

_RAW_BITS = 24  # of a pixel


def decode(data: bytes) -> np.ndarray:
    """uint8 [H, W, 3]."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def _encoder(kind: str, options: Callable[[Any], dict[str, Any]]) -> Callable[[np.ndarray, Any], bytes]:
    def encode(image: np.ndarray, setting: Any) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, kind, **options(setting))
        return buffer.getvalue()

    return encode


def _made_by(feature: str, settings: str) -> Callable[[], str]:
    def made_by() -> str:
        if not features.check(feature):
            raise MissingFile(f"this Pillow has no {feature}; run: pip install -U 'pillow>=11.3', as a wheel")
        pillow, library = importlib.metadata.version("pillow"), features.version(feature)
        return f"Pillow {pillow} ({feature} {library}), {settings}"

    return made_by


JPEG = FileCodec(
    id="jpeg",
    title="JPEG 4:2:0",
    suffix=".jpg",
    setting_name="quality",
    settings=(3, 5, 8, 12, 18, 26, 36, 48, 60, 72, 82, 88),
    made_by=_made_by("jpg", "4:2:0, optimised Huffman tables"),
    encode=_encoder("JPEG", lambda quality: dict(quality=quality, subsampling="4:2:0", optimize=True)),
    decode=decode,
    source=__file__,
)
WEBP = FileCodec(
    id="webp",
    title="WebP",
    suffix=".webp",
    setting_name="quality",
    settings=(0, 2, 5, 10, 18, 28, 40, 55, 68, 78, 85, 90),
    made_by=_made_by("webp", "lossy, method 6"),
    encode=_encoder("WEBP", lambda quality: dict(quality=quality, method=6)),
    decode=decode,
    source=__file__,
)
JPEG_2000 = FileCodec(
    id="jpeg2000",
    title="JPEG 2000",
    suffix=".jp2",
    setting_name="bits per pixel",
    settings=(0.1, 0.14, 0.2, 0.28, 0.4, 0.55, 0.75, 1.0, 1.4, 2.0),
    made_by=_made_by("jpg_2000", "irreversible 9-7, one layer of a given size"),
    encode=_encoder(
        "JPEG2000",
        lambda rate: dict(quality_mode="rates", quality_layers=[_RAW_BITS / rate], irreversible=True, mct=1),
    ),
    decode=decode,
    source=__file__,
)
AVIF = FileCodec(
    id="avif",
    title="AVIF",
    suffix=".avif",
    setting_name="quality",
    settings=(4, 10, 17, 25, 34, 43, 52, 61, 70, 78),
    made_by=_made_by("avif", "libaom, 4:4:4, speed 4, tuned for PSNR, one thread"),
    encode=_encoder(
        "AVIF",
        lambda quality: dict(
            quality=quality, subsampling="4:4:4", speed=4, codec="aom", advanced={"tune": "psnr"}, max_threads=1
        ),
    ),
    decode=decode,
    source=__file__,
)

"""Changed copies of photographs: smaller, of other colours, with other grain; so that few serve for many.

A copy is reduced by a factor that is uniform in its logarithm, with one of several filters, which also removes what an
earlier lossy format left; then, each with a probability of its own, gamma, saturation, contrast, brightness and white
balance change, and noise is added, alike in the colours or not, fine or coarse.
"""

import numpy as np
from PIL import Image

_REDUCTIONS = (1.25, 3.4)
_FILTERS = (
    Image.Resampling.LANCZOS,
    Image.Resampling.LANCZOS,
    Image.Resampling.BICUBIC,
    Image.Resampling.BOX,
    Image.Resampling.HAMMING,
)
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def jittered(image: np.ndarray, least_side: int, rng: np.random.Generator) -> np.ndarray:
    """A changed copy of uint8 [H, W, 3], no side of it shorter than least_side where the picture's own was not."""
    x = reduced(image, least_side, rng).astype(np.float32) / 255
    if rng.random() < 0.7:
        x = _recoloured(x, rng)
    if rng.random() < 0.6:
        x = x + _grain(x.shape, rng)
    x = np.clip(np.round(x * 255), 0, 255).astype(np.uint8)
    return np.ascontiguousarray(x.swapaxes(0, 1)) if rng.random() < 0.3 else x


def reduced(image: np.ndarray, least_side: int, rng: np.random.Generator) -> np.ndarray:
    """A smaller copy of uint8 [H, W, 3]."""
    factor = np.exp(rng.uniform(*np.log(_REDUCTIONS)))
    factor = max(1.0, min(factor, min(image.shape[:2]) / least_side))
    size = (round(image.shape[1] / factor), round(image.shape[0] / factor))
    return np.asarray(Image.fromarray(image).resize(size, _FILTERS[rng.integers(len(_FILTERS))]))


def _recoloured(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    x = x ** np.float32(np.exp(rng.normal(0, 0.2)))
    grey = (x @ _LUMA)[..., None]
    x = grey + (x - grey) * np.float32(np.exp(rng.normal(-0.1, 0.25)))
    x = (x - 0.5) * np.float32(np.exp(rng.normal(-0.05, 0.15))) + np.float32(0.5 + rng.normal(0, 0.04))
    return x * np.exp(rng.normal(0, 0.06, 3)).astype(np.float32)


def _grain(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    common = rng.random()
    own = rng.standard_normal(shape, np.float32)
    shared = rng.standard_normal((*shape[:2], 1), np.float32)
    noise = own * np.float32(1 - common) + shared * np.float32(common)
    if rng.random() < 0.5:  # grains of 2x2 pixels
        rows = noise + np.roll(noise, 1, 0)
        noise = (rows + np.roll(rows, 1, 1)) / 2
    return noise * np.float32(rng.exponential(1.6) / 255)

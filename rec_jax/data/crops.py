"""Random crops of whole images, cut once and kept as one array."""

from collections.abc import Iterator

import numpy as np

from rec_jax.core import errors
from rec_jax.data.jitter import jittered
from rec_jax.data.source import ArraySource, ImageSource, check_holds_patch

MAX_PATCHES_PER_IMAGE = 256  # so that one huge picture does not fill a training set
MAX_BYTES = 4 << 30


def random_crops(
    source: ImageSource, patch: int, patches_per_image: int = 0, seed: int = 0, variants: int = 0
) -> ArraySource:
    """Returns `patch` x `patch` crops of every image at uniform places, image after image.

    variants: so many changed copies of each image (jitter.py) are cut, in place of the image; 0: the image itself.

    patches_per_image: 0 cuts as many from an image as would fit without overlap, up to MAX_PATCHES_PER_IMAGE.
    Places are a function of (seed, index of the image, number of the crop) through Philox's raw words, which do
    not change between versions of numpy. Raises UnsupportedImage for an image smaller than the patch and
    ConfigError once the array would exceed MAX_BYTES.
    """
    if patch < 1 or patches_per_image < 0 or variants < 0:
        raise errors.ConfigError(
            f"patch={patch}, patches_per_image={patches_per_image}, variants={variants}; they must be positive"
        )
    limit = MAX_BYTES // (3 * patch * patch)
    crops, n_crops = [], 0
    for index in range(len(source)):
        image = source[index]
        check_holds_patch(image, patch, source.label(index))
        bits = np.random.Philox(key=[seed, index])
        for copy in _copies(image, patch, variants, np.random.Generator(np.random.Philox(key=[seed + 1, index]))):
            crops.append(_crops_of(copy, patch, patches_per_image, bits))
            n_crops += len(crops[-1])
        if n_crops > limit:
            raise errors.ConfigError(
                f"{source.name}: crops of {patch}x{patch} need more than {MAX_BYTES >> 30} GiB after {index + 1} of "
                f"{len(source)} images; set patches_per_image lower or use fewer images"
            )
    return ArraySource(f"{source.name}-random{patch}", np.concatenate(crops))


def _copies(image: np.ndarray, patch: int, variants: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    if not variants:
        yield image
    for _ in range(variants):
        yield jittered(image, patch, rng)


def _crops_of(image: np.ndarray, patch: int, n_crops: int, bits: np.random.Philox) -> np.ndarray:
    """Cuts one image; returns uint8 [n_crops, patch, patch, 3]."""
    height, width = image.shape[:2]
    n_crops = n_crops or min((height // patch) * (width // patch), MAX_PATCHES_PER_IMAGE)
    words = bits.random_raw(2 * n_crops).reshape(n_crops, 2)
    corners = (words % np.array([height - patch + 1, width - patch + 1], np.uint64)).astype(np.int64)
    return np.stack([image[top : top + patch, left : left + patch] for top, left in corners])

"""What every source of images offers, and the two smallest of them: an array, and the centres of another source."""

import dataclasses
from typing import Protocol

import numpy as np

from rec_jax.core import errors


class ImageSource(Protocol):
    """A fixed sequence of RGB images; the order is the order of files and never changes between runs.

    `array()` is for sources whose images all have one size, uint8 [N, H, W, 3]; others raise ConfigError.
    """

    @property
    def name(self) -> str:
        """Returns what messages call it."""
        ...

    def __len__(self) -> int:
        """Returns the number of images."""

    def __getitem__(self, index: int) -> np.ndarray:
        """Returns one image, uint8 [H, W, 3]; IndexError outside 0 ... len - 1."""

    def label(self, index: int) -> str:
        """Returns where an image came from, for messages and for rows of results."""

    def array(self) -> np.ndarray:
        """Returns all images as uint8 [N, H, W, 3], read-only where it is a file."""


@dataclasses.dataclass(frozen=True)
class ArraySource:
    """Images of one size that are in memory."""

    name: str
    images: np.ndarray  # uint8 [N, H, W, 3]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.images[checked_index(index, len(self))]

    def label(self, index: int) -> str:
        """Returns 'name[index]'."""
        return f"{self.name}[{index}]"

    def array(self) -> np.ndarray:
        """Returns the images, uint8 [N, H, W, 3]."""
        return self.images


@dataclasses.dataclass(frozen=True)
class CenterCrops:
    """The central `patch` x `patch` pixels of every image of a source; an odd remainder goes right and below."""

    source: ImageSource
    patch: int

    @property
    def name(self) -> str:
        """Returns the name of the source with the size of the crops."""
        return f"{self.source.name}-center{self.patch}"

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> np.ndarray:
        image = self.source[index]
        check_holds_patch(image, self.patch, self.source.label(index))
        top, left = ((size - self.patch) // 2 for size in image.shape[:2])
        return image[top : top + self.patch, left : left + self.patch]

    def label(self, index: int) -> str:
        """Returns the source's label."""
        return self.source.label(index)

    def array(self) -> np.ndarray:
        """Returns all crops, uint8 [N, patch, patch, 3]."""
        return stack_images(self)


def stack_images(source: ImageSource) -> np.ndarray:
    """Returns every image of a source as uint8 [N, H, W, 3]; ConfigError if two sizes differ."""
    first = source[0]
    images = np.empty((len(source), *first.shape), np.uint8)
    for i in range(len(source)):
        image = source[i]
        check_same_size(image, first.shape, source, i)
        images[i] = image
    return images


def check_same_size(image: np.ndarray, shape: tuple[int, ...], source: ImageSource, index: int) -> None:
    """Raises ConfigError if `image`, number `index` of `source`, has another shape than the first one."""
    if image.shape != shape:
        sizes = [f"{width}x{height}" for height, width, _ in (shape, image.shape)]
        raise errors.ConfigError(
            f"{source.name} holds images of several sizes ({source.label(0)} is {sizes[0]}, {source.label(index)} is "
            f"{sizes[1]}); one array needs one size: give a patch size"
        )


def check_holds_patch(image: np.ndarray, patch: int, label: str) -> None:
    """Raises UnsupportedImage if an image [H, W, 3] is smaller than `patch` in either direction."""
    height, width = image.shape[:2]
    if min(height, width) < patch:
        raise errors.UnsupportedImage(
            f"{label} is {width}x{height}, too small for {patch}x{patch} patches; remove it or make the patch smaller"
        )


def checked_index(index: int, length: int) -> int:
    """Returns `index` if it lies in 0 ... length - 1; IndexError otherwise (negative indices are refused)."""
    if not 0 <= index < length:
        raise IndexError(f"image {index} of {length}")
    return index


def evenly_spaced(source: ImageSource, n_images: int) -> np.ndarray:
    """Up to n_images of a source, evenly spread over it, uint8 [n, H, W, 3]: neighbours may be crops of one picture."""
    places = np.linspace(0, len(source), min(n_images, len(source)), endpoint=False).astype(int)
    return np.stack([source[int(i)] for i in places])

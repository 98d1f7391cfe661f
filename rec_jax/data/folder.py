"""Any folder of images, whole, in sorted order."""

import dataclasses
import pathlib

import numpy as np

from rec_jax.core import errors
from rec_jax.core.paths import expand_home
from rec_jax.data.image_files import list_images, read_rgb
from rec_jax.data.source import checked_index, stack_images


@dataclasses.dataclass(frozen=True)
class FolderSource:
    """The images in one folder and its subfolders, in the order of their relative paths, read when asked for."""

    name: str
    folder: pathlib.Path
    paths: tuple[pathlib.Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> np.ndarray:
        return read_rgb(self.paths[checked_index(index, len(self))])

    def label(self, index: int) -> str:
        """Returns the path of an image."""
        return str(self.paths[index])

    def array(self) -> np.ndarray:
        """Returns all images, uint8 [N, H, W, 3]; ConfigError if their sizes differ."""
        return stack_images(self)


def open_folder(name: str, data_dir: str, split: str) -> FolderSource:
    """Returns the images of `data_dir`/`split`; split '.' is data_dir itself and an absolute split stands alone.

    Raises MissingFile with what to set if there is no such folder or no image in it.
    """
    if not data_dir and not expand_home(split).is_absolute():
        raise errors.ConfigError("a folder of images needs data.data_dir=FOLDER (or absolute paths as its splits)")
    folder = expand_home(data_dir) / expand_home(split)
    if not folder.is_dir():
        raise errors.MissingFile(
            f"no folder {folder}; data.data_dir is the root and data.split_train, data.split_test its subfolders "
            "('.' for the root itself)"
        )
    return FolderSource(name or folder.name, folder, tuple(list_images(folder)))

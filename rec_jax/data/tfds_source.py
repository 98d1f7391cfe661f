"""TFDS data sets that are on disk, through their random-access files and without TensorFlow."""

import concurrent.futures
import functools
import hashlib
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow_datasets as tfds
from absl import logging

from rec_jax.core import errors
from rec_jax.data.array_cache import cached_array
from rec_jax.data.image_files import decode_rgb
from rec_jax.data.source import check_same_size, checked_index
from rec_jax.data.tfds_features import open_builder
from rec_jax.data.tfds_folders import cache_folders, find_version_folder

_CHUNK = 1024  # images decoded at a time


class TfdsSource:
    """One split of a prepared data set; images stay in the order of its files.

    TFDS files are written in an order shuffled by a hash of each example's key, so this order is not that of the
    original archive, but it is the same for everybody who prepared the same examples.
    """

    def __init__(self, name: str, split: str, data_dir: str = ""):
        """Opens a split.

        name: as in TFDS, such as 'cifar10', 'downsampled_imagenet/32x32' or 'cifar10:3.0.2'; any data set that
            lies in data_dir will do, whether TFDS knows it or not.
        split: a split or a slice of one, such as 'train[:90%]'.
        data_dir: '' means the environment's TFDS_DATA_DIR, else ~/tensorflow_datasets.
        Raises MissingFile with the command that prepares it, ConfigError for a split or kind of images that it
        lacks, CorruptFile if its files are damaged.
        """
        self.name, self.split = name, split
        self._folder = find_version_folder(name, data_dir)
        self._records = _open_records(self._folder, name, split)
        self._shape = self._records.dataset_info.features["image"].shape  # (H, W, 3); None where not fixed

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> np.ndarray:
        return self._decode(index, *self._read([checked_index(index, len(self))]))

    def label(self, index: int) -> str:
        """Returns 'name split[index]'."""
        return f"{self.name} {self.split}[{index}]"

    def has_fixed_size(self) -> bool:
        """Tells whether the data set declares one size for all images (it may have one undeclared)."""
        return None not in self._shape

    def array(self) -> np.ndarray:
        """Returns all images, uint8 [N, H, W, 3], mapped from a file that the first call writes.

        The file lies in data_dir/.rec_jax_cache, else in ~/.cache/rec_jax; its name holds a fingerprint of the
        records, so a data set prepared anew is decoded anew. ConfigError if the images differ in size.
        """
        return self._array

    @functools.cached_property
    def _array(self) -> np.ndarray:
        shape = (len(self), *self[0].shape)
        safe_name = f"{self.name}-{self._folder.name}-{self.split}".translate(str.maketrans("/:[]%", "-----"))
        file_name = f"{safe_name}-{len(self)}-{_fingerprint(self._folder, self.split)}.npy"
        return cached_array(cache_folders(self._folder, self.name), file_name, shape, self._decoded_chunks)

    def _decoded_chunks(self) -> Iterator[np.ndarray]:
        logging.info("decoding %d images of %s %s, once", len(self), self.name, self.split)
        shape = self[0].shape
        with concurrent.futures.ThreadPoolExecutor() as pool:
            for start in range(0, len(self), _CHUNK):
                indices = list(range(start, min(start + _CHUNK, len(self))))
                images = list(pool.map(self._decode, indices, self._read(indices)))
                for index, image in zip(indices, images, strict=True):
                    check_same_size(image, shape, self, index)
                yield np.stack(images)

    def _read(self, indices: list[int]) -> list[dict]:
        try:
            return self._records.__getitems__(indices)
        except (RuntimeError, IndexError, ValueError) as error:  # the files of records are opened here at the earliest
            raise _damaged(self._folder, self.name, error) from error

    def _decode(self, index: int, record: dict) -> np.ndarray:
        return decode_rgb(record["image"], self.label(index))


def _open_records(folder: pathlib.Path, name: str, split: str):
    """Returns TFDS's data source with the images left encoded: Pillow then decodes them alike everywhere."""
    try:
        builder = open_builder(folder)
    except errors.CorruptFile:
        raise
    except Exception as error:  # the reader of a damaged JSON file raises whatever its parts raise
        raise _damaged(folder, name, error) from error
    _check_images(builder, name)
    _check_split(builder, name, split)
    try:
        return builder.as_data_source(split=split, decoders={"image": tfds.decode.SkipDecoding()})
    except NotImplementedError as error:
        raise errors.ConfigError(
            f"{name} in {folder} is stored as {builder.info.file_format.value}, which has no random access; delete it "
            f"and run: python -m rec_jax.data.prepare {name} --data_dir=..."
        ) from error
    except Exception as error:  # as above
        raise _damaged(folder, name, error) from error


def _check_images(builder: tfds.core.DatasetBuilder, name: str) -> None:
    features = builder.info.features
    image = features["image"] if isinstance(features, tfds.features.FeaturesDict) and "image" in features else None
    if not isinstance(image, tfds.features.Image) or image.shape[-1] != 3 or image.np_dtype != np.uint8:
        raise errors.ConfigError(f"{name} has no 8-bit RGB feature 'image' (it has {_first_line(features)})")


def _check_split(builder: tfds.core.DatasetBuilder, name: str, split: str) -> None:
    try:
        n_images = builder.info.splits[split].num_examples
    except (KeyError, ValueError, AssertionError) as error:
        splits = ", ".join(f"{key} ({info.num_examples} images)" for key, info in builder.info.splits.items())
        raise errors.ConfigError(
            f"{name} has no split {split!r}; have {splits}, or slices such as train[:90%]"
        ) from error
    if not n_images:
        raise errors.ConfigError(f"{name} has no image in split {split!r}")


def _damaged(folder: pathlib.Path, name: str, error: Exception) -> errors.CorruptFile:
    return errors.CorruptFile(f"{folder} is damaged ({_first_line(error)}); delete it and prepare {name} again")


def _fingerprint(folder: pathlib.Path, split: str) -> str:
    """Returns 12 hex digits of the names, sizes and times of a data set's files."""
    digest = hashlib.sha256(f"{folder.resolve()} {split}".encode())
    for file in sorted(os.scandir(folder), key=lambda entry: entry.name):
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}".encode())
    return digest.hexdigest()[:12]


def _first_line(thing: object) -> str:
    return " ".join(str(thing).split())[:160]

"""Sources of images: TFDS data sets, folders of images, and photographs that need no network, each opened on demand."""

import dataclasses
import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rec_jax.core import errors
from rec_jax.data.crops import random_crops
from rec_jax.data.source import ArraySource, CenterCrops, ImageSource, evenly_spaced

if TYPE_CHECKING:
    from rec_jax.data.tfds_source import TfdsSource

__all__ = ["ArraySource", "CenterCrops", "DataOptions", "ImageSource", "evenly_spaced", "make_source"]


@dataclasses.dataclass(frozen=True)
class DataOptions:
    """The section `data` of a configuration.

    kind: 'tfds', 'folder' or 'embedded'.
    name: the TFDS name; only a label for the other kinds.
    split_train, split_test: TFDS splits or slices of them; for a folder, subfolders of data_dir or absolute paths.
    data_dir: the TFDS root ('' is TFDS_DATA_DIR, else ~/tensorflow_datasets) or the folder of images.
    patch: pixels; training images of several sizes are cut to random crops of this size. 0 leaves them whole.
    patch_test: pixels of the central crop of each test image; 0 leaves test images whole. Embedded photographs
        are cut to patches of this size in the test split; 0: of `patch`.
    patches_per_image, crop_seed: how many random crops (0: as many as fit side by side) and their seed.
    variants: cut so many changed copies of each training image (jitter.py) in place of it; 0: the image itself.
    """

    kind: str = "tfds"
    name: str = ""
    split_train: str = "train"
    split_test: str = "test"
    data_dir: str = ""
    patch: int = 32
    patch_test: int = 0
    patches_per_image: int = 0
    crop_seed: int = 0
    variants: int = 0


def make_source(data_config: Mapping[str, Any], split: str) -> ImageSource:
    """Returns the images of one split.

    data_config: a mapping (a ConfigDict or a dict) of the fields of DataOptions.
    split: 'train' or 'test', mapped through split_train and split_test.
    'train' always has array(), uint8 [N, H, W, 3]; 'test' gives whole images, or centre crops by patch_test.
    Raises a RecError of one line for whatever is unknown, missing or unreadable.
    """
    options = _checked_options(data_config)
    if split not in ("train", "test"):
        raise errors.ConfigError(f"split={split!r}; have 'train' and 'test'")
    match options.kind:
        case "embedded":
            from rec_jax.data.embedded import embedded_patches

            return embedded_patches(split, (split == "test" and options.patch_test) or options.patch)
        case "folder":
            from rec_jax.data.folder import open_folder

            source = open_folder(options.name, options.data_dir, _split_name(options, split))
        case "tfds":
            source = _open_tfds(options, split)
            if split == "train" and _has_size(source, options.patch):
                return source
        case other:
            raise errors.ConfigError(f"data.kind={other!r}; have 'tfds', 'folder', 'embedded'")
    return _cut(source, options, split)


def _open_tfds(options: DataOptions, split: str) -> "TfdsSource":
    from rec_jax.data.tfds_source import TfdsSource  # takes a second to import; the other kinds do without

    return TfdsSource(options.name, _split_name(options, split), options.data_dir)


def _has_size(source: "TfdsSource", patch: int) -> bool:
    """Whether a data set declares one size for its images, which is theirs whatever patch says, or is of patches."""
    return source.has_fixed_size() or (bool(patch) and source[0].shape[:2] == (patch, patch))


def _cut(source: ImageSource, options: DataOptions, split: str) -> ImageSource:
    if split == "test":
        return CenterCrops(source, options.patch_test) if options.patch_test else source
    if not options.patch:
        return source
    return random_crops(source, options.patch, options.patches_per_image, options.crop_seed, options.variants)


def _split_name(options: DataOptions, split: str) -> str:
    return options.split_train if split == "train" else options.split_test


def _checked_options(data_config: Mapping[str, Any]) -> DataOptions:
    known = [field.name for field in dataclasses.fields(DataOptions)]
    for key in data_config:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f"did you mean data.{close[0]}?" if close else f"have {', '.join(known)}"
            raise errors.ConfigError(f"unknown option data.{key}; {hint}")
    options = DataOptions(**{key: data_config[key] for key in data_config})
    counts = (options.patch, options.patch_test, options.patches_per_image, options.crop_seed, options.variants)
    if min(counts) < 0:
        raise errors.ConfigError("data.patch, patch_test, patches_per_image, crop_seed and variants must be 0 or more")
    return options

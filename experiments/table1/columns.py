"""The columns of the table: which images, and whether they are what the heading says."""

import dataclasses
import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rec_jax.core.errors import ConfigError
from rec_jax.data import CenterCrops, ImageSource, evenly_spaced, make_source
from rec_jax.evaluate.run import source_digest

TITLES = {"cifar10": "CIFAR10", "imagenet32": "ImageNet32", "kodak": "Kodak"}
_TRUE_DATA = {
    "cifar10": ("cifar10", "test"),
    "imagenet32": ("downsampled_imagenet/32x32", "validation"),
    "kodak": ("kodak", "test"),
}
_TRUE_SIZES = {"cifar10": 10_000, "imagenet32": 49_999}  # images, where a copy may lack some
_KODAK_SHAPES = {(512, 768, 3), (768, 512, 3)}
_KODAK_FILES = [f"kodim{i:02d}" for i in range(1, 25)]


@dataclasses.dataclass(frozen=True)
class Images:
    """The first n_images of a source, read when asked for. digest: of all its images; others never share rows."""

    source: ImageSource
    n_images: int
    digest: str

    def __len__(self) -> int:
        return self.n_images

    def __getitem__(self, index: int) -> np.ndarray:
        return self.source[index]


@dataclasses.dataclass(frozen=True)
class Column:
    """One data set. `options` is its section of configs/table1.py, where the fields are explained."""

    id: str
    options: Mapping[str, Any]
    data_dir: str = ""
    folder: str = ""  # of picture files, instead of a TFDS data set

    @property
    def title(self) -> str:
        """The paper's heading."""
        return TITLES[self.id]

    @property
    def crop(self) -> int:
        """Side of the centre crops of the rows that do not take whole images; 0: there are none."""
        return self.options["crop"]

    @property
    def models(self) -> list[str]:
        """Names or paths, the main one first; ConfigError if there is none."""
        names = [name.strip() for name in self.options["models"].split(",") if name.strip()]
        if not names:
            raise ConfigError(f"config.{self.id}.models is empty; name a shipped model or a model file")
        return names

    def model_of(self, kind: str) -> str:
        """Name or path of the model of one row: "phases", "idf", "bit_swap", "lbb"; ConfigError if there is none."""
        if not self.options[kind]:
            raise ConfigError(f"config.{self.id}.{kind} is empty; name a shipped model or a model file")
        return self.options[kind]

    @functools.cached_property
    def data(self) -> str:
        """What the images are called wherever a number of them appears, and how many are missing of a known set."""
        if self.options["kind"] == "embedded":
            return f"embedded photographs, {self.options['patch']}x{self.options['patch']}"
        if self.folder:
            return "kodak"
        name, whole = f"{self.options['name']} {self.options['split']}", _TRUE_SIZES.get(self.id)
        if self.stand_in or whole in (None, len(self._source)):
            return name
        return f"{name} ({len(self._source):,} of its {whole:,} images)"

    @functools.cached_property
    def stand_in(self) -> str:
        """'' if the images are those of the heading, else the words that must stand beside each of their numbers."""
        return "" if self._is_true() else f"stand-in, not {self.title}"

    def classical_images(self) -> Images:
        """Raises a RecError of one line where the data are not there; so do the next two."""
        return self._first(self._source, self.options["n_classical"])

    def learned_images(self) -> Images:
        """What every learned row codes."""
        return self._first(self._source, self.options["n_learned"])

    def cropped_images(self) -> Images:
        """Their centre crops; only where `crop` is set."""
        return self._first(CenterCrops(self._source, self.crop), self.options["n_learned"], self.crop)

    def training_images(self, n_images: int) -> np.ndarray:
        """uint8 [n_images, side, side, 3], evenly spread over the training split, or over the embedded photographs'."""
        split = self.options["split_train"]
        if self.options["kind"] == "embedded" or not split:
            options = dict(kind="embedded", patch=32)
        else:
            options = dict(kind="tfds", name=self.options["name"], split_train=split, data_dir=self.data_dir)
        return evenly_spaced(make_source(options, "train"), n_images)

    @functools.cached_property
    def _source(self) -> ImageSource:
        kind, name = self.options["kind"], self.options["name"]
        if kind == "embedded":
            return make_source(dict(kind=kind, name=name, patch=self.options["patch"]), self.options["split"])
        if kind != "tfds":
            raise ConfigError(f"config.{self.id}.kind={kind!r}; have 'tfds', 'embedded'")
        if self.folder:
            return make_source(dict(kind="folder", name=name, data_dir=self.folder, split_test="."), "test")
        return make_source(
            dict(kind="tfds", name=name, split_test=self.options["split"], data_dir=self.data_dir), "test"
        )

    @functools.cached_property
    def _digest(self) -> str:
        return source_digest(self._source)

    def _first(self, source: ImageSource, n_images: int, crop: int = 0) -> Images:
        return Images(source, min(n_images or len(source), len(source)), f"{self._digest} crop {crop}")

    def _is_true(self) -> bool:
        if self.options["kind"] != "tfds":
            return False
        if self.folder:
            shapes = {self._source[i].shape for i in range(len(self._source))}
            return shapes <= _KODAK_SHAPES and [Path(path).stem for path in self._source.paths] == _KODAK_FILES
        return (self.options["name"].partition(":")[0], self.options["split"]) == _TRUE_DATA[self.id]


def make_columns(config: Mapping[str, Any], data_dir: str, kodak_dir: str) -> Iterator[Column]:
    """The columns of configs/table1.py, in the paper's order."""
    for column_id in TITLES:
        yield Column(column_id, dict(config[column_id]), data_dir, kodak_dir if column_id == "kodak" else "")

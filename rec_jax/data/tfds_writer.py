"""Writes a TFDS data set without TensorFlow, complete or not at all."""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tqdm import tqdm

from rec_jax.core import errors
from rec_jax.data.tfds_features import open_builder

EXAMPLES_PER_SHARD = 250_000  # about 750 MB of 32x32 PNGs
_ORIGIN_NAME = "made_of.json"  # in the folder of a version
_BATCH = 1000  # examples between two writes of the metadata

Examples = Iterable[Mapping[str, Any]]
_Key = TypeVar("_Key", str, int)


@dataclasses.dataclass(frozen=True)
class Plan:
    """A data set to be written.

    make_info: data_dir -> DatasetInfo of an empty data set below data_dir: TFDS's own, or one of own_info.
    splits: {split: starts the examples of that split}, in the order in which they are to be read.
    origin: what a set of ours is made of, kept beside it; {} for a set that is the same whoever makes it.
    """

    make_info: Callable[[pathlib.Path], tfds.core.DatasetInfo]
    splits: Mapping[str, Callable[[], Examples]]
    origin: Mapping[str, str | int] = dataclasses.field(default_factory=dict)


def stock_info(name: str) -> Callable[[pathlib.Path], tfds.core.DatasetInfo]:
    """Returns make_info of a data set that TFDS knows, so that its stock builder reads what we write."""
    return lambda data_dir: tfds.builder(name, data_dir=data_dir, file_format="array_record").info


def own_info(name: str, description: str) -> Callable[[pathlib.Path], tfds.core.DatasetInfo]:
    """Returns make_info of a data set of ours: features 'id' (text) and 'image' (PNG of any size)."""

    def make_info(data_dir: pathlib.Path) -> tfds.core.DatasetInfo:
        identity = tfds.core.DatasetIdentity(
            name=name, version=tfds.core.Version("1.0.0"), data_dir=str(data_dir / name / "1.0.0"), module_name=__name__
        )
        image = tfds.features.Image(shape=(None, None, 3), dtype=np.uint8, encoding_format="png")
        features = tfds.features.FeaturesDict({"id": tfds.features.Text(), "image": image})
        return tfds.core.DatasetInfo(builder=identity, description=description, features=features)

    return make_info


def stock_order(keys: Iterable[_Key], split: str) -> list[_Key]:
    """Returns keys in the order in which TFDS's own writer stores their examples: by MD5 of split and key."""
    return sorted(keys, key=lambda key: hashlib.md5(f"{split}{key}".encode()).digest())


def write_dataset(plan: Plan, data_dir: pathlib.Path) -> tuple[pathlib.Path, dict[str, int]]:
    """Writes the data set below data_dir; returns its folder and {split: number of images}. One that exists stays.

    Everything goes to a temporary folder in data_dir that is renamed at the end, so an error or a kill leaves
    no half data set under the final name. Raises ConfigError where a set of another origin has the name, CorruptFile
    for a split without examples, and RecError or OSError for a full disk.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir, prefix=".incomplete_", ignore_cleanup_errors=True) as temporary:
        root = pathlib.Path(temporary)
        info = plan.make_info(root)
        written = pathlib.Path(info.data_dir)
        final = data_dir / written.relative_to(root)
        if (final / "dataset_info.json").is_file():
            _check_origin(plan, final)
            logging.info("%s is already there; delete it to prepare it again", final)
            return final, _count(final)
        written.mkdir(parents=True, exist_ok=True)
        try:
            _write_splits(plan, info)
        except RuntimeError as error:  # array_record's own for a full disk
            raise errors.RecError(f"cannot write {final} ({error})") from error
        if plan.origin:
            (written / _ORIGIN_NAME).write_text(json.dumps(plan.origin), encoding="utf-8")
        final.parent.mkdir(parents=True, exist_ok=True)
        if final.is_dir():  # without dataset_info.json: the rest of somebody's interrupted preparation
            shutil.rmtree(final)
        written.rename(final)
    return final, _count(final)


def _check_origin(plan: Plan, final: pathlib.Path) -> None:
    """Refuses to take a set that is there for another one."""
    if not plan.origin:
        return
    try:
        there = json.loads((final / _ORIGIN_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        there = {}
    if there != dict(plan.origin):
        differs = [key for key, value in plan.origin.items() if not isinstance(there, dict) or there.get(key) != value]
        raise errors.ConfigError(
            f"{final.parent} is there already, and was made of other ones ({', '.join(differs or there)} differ): give "
            f"another --name, or delete it"
        )


def _write_splits(plan: Plan, info: tfds.core.DatasetInfo) -> None:
    writer = tfds.core.SequentialWriter(info, EXAMPLES_PER_SHARD, file_format="array_record")
    writer.initialize_splits(list(plan.splits))
    for split, start in plan.splits.items():
        examples = iter(tqdm(start(), desc=f"{info.name} {split}", unit=" images", disable=None))
        n_examples = 0
        while batch := list(itertools.islice(examples, _BATCH)):
            writer.add_examples({split: batch})
            n_examples += len(batch)
        if not n_examples:
            raise errors.CorruptFile(f"no image for split {split} of {info.name}")
    writer.close_all()


def _count(folder: pathlib.Path) -> dict[str, int]:
    return {split: info.num_examples for split, info in open_builder(folder).info.splits.items()}

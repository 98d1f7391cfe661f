"""Which pictures the figure is of: Kodak's, or with --quick the middles of two embedded photographs."""

import dataclasses
import re
from pathlib import Path

import numpy as np

from configs.table1 import get_config
from experiments.table1.columns import Column
from rec_jax.data import ImageSource
from rec_jax.data.embedded import photograph_names, read_photograph
from rec_jax.data.source import stack_images
from rec_jax.evaluate.run import source_digest

_QUICK_SIZE = 256, 384  # at most


@dataclasses.dataclass(frozen=True)
class Pictures:
    """data: what they are called.  stand_in: '' or what must stand beside their numbers.  digest: of them all."""

    data: str
    stand_in: str
    names: tuple[str, ...]
    source: ImageSource
    digest: str

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.source[index]


class _Photographs:
    """The middles of the embedded photographs of the test split: whole ones take half as long again as is quick."""

    name = "embedded photographs"

    def __init__(self):
        self._names = photograph_names("test")

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> np.ndarray:
        image = read_photograph(self._names[index])
        height, width = (min(most, n) for most, n in zip(_QUICK_SIZE, image.shape, strict=False))
        top, left = (image.shape[0] - height) // 2, (image.shape[1] - width) // 2
        return image[top : top + height, left : left + width]

    def label(self, index: int) -> str:
        return self._names[index]

    def array(self) -> np.ndarray:
        return stack_images(self)


def open_pictures(quick: bool, data_dir: str, kodak_dir: str) -> Pictures:
    """kodak_dir: folder of Kodak's PNGs; '': TFDS's kodak in data_dir. A RecError of one line if it is not there."""
    if quick:
        source = _Photographs()
        return _pictures(source, source.name, "stand-in, not Kodak")
    column = Column("kodak", dict(get_config().kodak), data_dir, kodak_dir)
    return _pictures(column.classical_images().source, column.data, column.stand_in)


def _pictures(source: ImageSource, data: str, stand_in: str) -> Pictures:
    names = [Path(source.label(i)).stem for i in range(len(source))]
    if len(set(names)) < len(names) or not all(re.fullmatch(r"[\w-]+", name) for name in names):
        names = [f"{i:03d}" for i in range(len(names))]  # names of files, too
    return Pictures(data, stand_in, tuple(names), source, source_digest(source))

"""Photographs that ship inside the wheel of scikit-image, cut to patches: a data set that needs no network.

Only files that scikit-image 0.25 and later install themselves are named here; several others that
`skimage.data` offers are downloaded at the first call. The images are read as files: nothing of skimage is imported.
"""

import importlib.metadata
import importlib.util
import pathlib

import numpy as np

from rec_jax.core import errors
from rec_jax.data.image_files import read_rgb
from rec_jax.data.source import ArraySource

PHOTOGRAPHS = {  # file -> split; by photograph, so that no test patch shows anything of a training photograph
    "astronaut.png": "train",  # 512 x 512, NASA, public domain
    "motorcycle_left.png": "train",  # 741 x 500, Middlebury stereo benchmark 2014; the right view shows the same scene
    "rocket.jpg": "train",  # 640 x 427, SpaceX, CC0
    "chelsea.png": "test",  # 451 x 300, S. van der Walt, CC0
    "coffee.png": "test",  # 600 x 400, R. Michelson / Pikolo Espresso Bar, CC0
}
SHUFFLE_SEED = 0  # mixes the photographs, so that the first N patches show all of them


def read_photograph(name: str) -> np.ndarray:
    """Returns a whole photograph, uint8 [H, W, 3]; name: 'astronaut', 'motorcycle_left', 'rocket', 'chelsea', 'coffee'.

    Raises ConfigError for another name and MissingFile if scikit-image is absent or ships it no longer.
    """
    files = {pathlib.PurePath(file).stem: file for file in PHOTOGRAPHS}
    if name not in files:
        raise errors.ConfigError(f"no embedded photograph {name!r}; have {', '.join(files)}")
    return read_rgb(_shipped_folder() / files[name])


def photograph_names(split: str) -> list[str]:
    """Returns the names of the photographs of 'train' or 'test', sorted."""
    return sorted(pathlib.PurePath(file).stem for file, its_split in PHOTOGRAPHS.items() if its_split == split)


def embedded_patches(split: str, patch: int) -> ArraySource:
    """Returns patches of the photographs of 'train' or 'test', uint8 [N, patch, patch, 3], in a fixed mixed order.

    Test patches tile each photograph from its top left corner without overlap; training patches lie on a grid
    twice as fine, so they overlap by half. Raises UnsupportedImage if a photograph is smaller than the patch.
    """
    if split not in ("train", "test"):
        raise errors.ConfigError(f"split={split!r}; the embedded photographs have train and test")
    if not 1 <= patch <= 300:
        raise errors.ConfigError(f"patch={patch}; the embedded photographs give patches of 1 ... 300 pixels")
    stride = max(patch // 2, 1) if split == "train" else patch
    patches = np.concatenate([_grid(read_photograph(name), patch, stride) for name in photograph_names(split)])
    order = np.argsort(np.random.Philox(key=[SHUFFLE_SEED, patch]).random_raw(len(patches)), kind="stable")
    return ArraySource(f"embedded-{split}", patches[order])


def _grid(image: np.ndarray, patch: int, stride: int) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(image, (patch, patch), axis=(0, 1))[::stride, ::stride]
    return windows.transpose(0, 1, 3, 4, 2).reshape(-1, patch, patch, 3)  # [rows, columns, 3, P, P] -> [N, P, P, 3]


def _shipped_folder() -> pathlib.Path:
    spec = importlib.util.find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise errors.MissingFile(
            "the embedded photographs come with scikit-image; run: pip install 'scikit-image>=0.25'"
        )
    folder = pathlib.Path(spec.submodule_search_locations[0]) / "data"
    missing = [name for name in PHOTOGRAPHS if not (folder / name).is_file()]
    if missing:
        version = importlib.metadata.version("scikit-image")
        raise errors.MissingFile(
            f"scikit-image {version} does not ship {', '.join(missing)}; run: pip install 'scikit-image>=0.25,<0.27'"
        )
    return folder

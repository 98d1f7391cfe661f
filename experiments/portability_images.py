"""The pictures that portability.py writes: (name, model, image)."""

from pathlib import Path

import numpy as np

Named = tuple[str, str, np.ndarray]
_CROP = 128


def cifar10(data_dir: str, n: int) -> list[Named]:
    """The first n test images."""
    from configs.cifar10_small import get_config
    from rec_jax.data import make_source

    config = get_config()
    with config.unlocked():
        config.data.data_dir = data_dir
    source = make_source(config.data, "test")
    return [(f"cifar10_{i:04d}", "cifar10-rvae", np.asarray(source[i])) for i in range(n)]


def kodak_crops(folder: str, n: int) -> list[Named]:
    """Centre crops of the first n pictures, for a lossless file and for a lossy one."""
    from rec_jax.codec.image_io import read_image

    images = [(path.stem, read_image(str(path))) for path in sorted(Path(folder).glob("*.png"))[:n]]
    crops = [(name, _centre(image)) for name, image in images]
    return [
        *((name, "photos-rvae", crop) for name, crop in crops),
        *((f"lossy_{name}", "photos-lossy", crop) for name, crop in crops),
    ]


def embedded(n: int) -> list[Named]:
    """Crops of the photographs that ship with the requirements: n of 32x32, one of 128x128."""
    from rec_jax.data.embedded import embedded_patches

    small, large = (embedded_patches("test", side) for side in (32, _CROP))
    return [
        *((f"small_{i}", "cifar10-rvae", np.asarray(small[i])) for i in range(n)),
        ("large", "photos-rvae", np.asarray(large[0])),
        ("lossy", "photos-lossy", np.asarray(large[0])),
    ]


def _centre(image: np.ndarray) -> np.ndarray:
    top, left = ((side - _CROP) // 2 for side in image.shape[:2])
    return image[top : top + _CROP, left : left + _CROP]

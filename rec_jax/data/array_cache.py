"""Decoded images as one .npy file, so that only the first run pays for decoding."""

import pathlib
from collections.abc import Callable, Iterable

import numpy as np
from absl import logging

from rec_jax.core.files import open_atomic

Chunks = Callable[[], Iterable[np.ndarray]]  # starts a fresh pass over uint8 [n, H, W, 3]


def cached_array(folders: Iterable[pathlib.Path], file_name: str, shape: tuple[int, ...], chunks: Chunks) -> np.ndarray:
    """Returns uint8 `shape` from the first folder that has `file_name`, else from `chunks`, written there first.

    The file is mapped, not read: processes share its pages and sets larger than memory work. It appears under
    its name only when complete, so a killed or a second process does no harm.
    A file of another shape or length is written anew; where no folder can be written (full, read-only) the
    array stays in memory.
    """
    paths = [folder / file_name for folder in folders]
    for path in paths:
        images = _map_array(path, shape)
        if images is not None:
            return images
    for path in paths:
        if _write_array(path, shape, chunks):
            images = _map_array(path, shape)
            if images is not None:
                return images
    return np.concatenate(list(chunks()))


def _map_array(path: pathlib.Path, shape: tuple[int, ...]) -> np.ndarray | None:
    try:
        images = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError) as error:
        logging.warning("%s cannot be used (%s); decoding again", path, error)
        return None
    return images if images.shape == shape and images.dtype == np.uint8 else None


def _write_array(path: pathlib.Path, shape: tuple[int, ...], chunks: Chunks) -> bool:
    """Writes sequentially: unlike a growing memory map, a full disk is then an OSError and not a SIGBUS."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_atomic(path) as file:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            for chunk in chunks():
                file.write(chunk.tobytes())
        return True
    except OSError as error:
        logging.warning("no cache of decoded images at %s: %s", path, error.strerror or error)
        return False

"""CIFAR10 out of its published archives, binary or Python, packed or unpacked."""

import io
import pathlib
import pickle
from collections.abc import Iterator

import numpy as np
from PIL import Image

from rec_jax.core import errors
from rec_jax.core.files import read_bytes
from rec_jax.data.bounded import tar_members
from rec_jax.data.tfds_writer import Plan, stock_info, stock_order

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
LABELS = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LAYOUTS = {  # what may lie in --manual_dir -> suffix of the batch files
    "cifar-10-binary.tar.gz": ".bin",
    "cifar-10-python.tar.gz": "",
    "cifar-10-batches-bin": ".bin",
    "cifar-10-batches-py": "",
}
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
_ROW_BYTES = 3072  # 3 planes of 32 x 32
_MAX_BATCH_BYTES = 48 << 20  # the published ones have 31 MB
_MAX_BYTES = 1 << 30  # of the archive, unpacked: the published ones have 0.19 GB


def find_archive(manual_dir: pathlib.Path) -> pathlib.Path:
    """Returns the archive or unpacked folder in manual_dir (or manual_dir itself); MissingFile if there is none."""
    if manual_dir.name in LAYOUTS and manual_dir.is_dir():
        return manual_dir
    for name in LAYOUTS:
        if (manual_dir / name).exists():
            return manual_dir / name
    raise errors.MissingFile(f"no CIFAR10 in {manual_dir}; it must hold one of {', '.join(LAYOUTS)} (from {URL})")


def cifar10_plan(archive: pathlib.Path) -> Plan:
    """Returns the data set as TFDS's own builder would write it: same features, ids and order.

    Raises CorruptFile if the archive is damaged or lacks a batch.
    """
    suffix = LAYOUTS[archive.name]
    names = [name + suffix for batches in BATCHES.values() for name in batches]
    files = _read_folder(archive, names) if archive.is_dir() else _read_tar(archive, names)
    parse = _parse_binary if suffix else _parse_pickle

    def examples(split: str) -> Iterator[dict]:
        parsed = [parse(files[name + suffix], f"{archive}: {name + suffix}") for name in BATCHES[split]]
        labels, rows = (np.concatenate(parts) for parts in zip(*parsed, strict=True))
        images = rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)  # planes -> [N, 32, 32, 3]
        for i in stock_order(range(len(images)), split):
            image = Image.fromarray(np.ascontiguousarray(images[i]))
            yield {"id": f"{split}_{i:05d}", "image": image, "label": int(labels[i])}

    def make_info(data_dir: pathlib.Path):
        info = stock_info("cifar10")(data_dir)
        info.features["label"].names = LABELS
        return info

    return Plan(make_info, {"train": lambda: examples("train"), "test": lambda: examples("test")})


def _read_folder(folder: pathlib.Path, names: list[str]) -> dict[str, bytes]:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise errors.CorruptFile(f"{folder} lacks {', '.join(missing)}; unpack the archive again")
    return {name: read_bytes(folder / name, _MAX_BATCH_BYTES) for name in names}


def _read_tar(archive: pathlib.Path, names: list[str]) -> dict[str, bytes]:
    found = {}
    try:
        for path, member, file in tar_members(archive, _MAX_BYTES, _MAX_BATCH_BYTES):
            if (name := pathlib.PurePosixPath(path).name) in names:
                file.seek(member.offset_data)
                found[name] = file.read(member.size)
    except errors.CorruptFile as error:
        raise errors.CorruptFile(f"{archive} is damaged ({error}); get it again") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise errors.CorruptFile(f"{archive} lacks {', '.join(missing)}; get it again")
    return found


def _parse_binary(data: bytes, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels [N] and planes [N, 3072] of a binary batch: 1 byte of label, then the pixels."""
    if not data or len(data) % (1 + _ROW_BYTES):
        raise errors.CorruptFile(f"{label} has {len(data)} bytes, no multiple of {1 + _ROW_BYTES}; get it again")
    rows = np.frombuffer(data, np.uint8).reshape(-1, 1 + _ROW_BYTES)
    return _checked(rows[:, 0], rows[:, 1:], label)


def _parse_pickle(data: bytes, label: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = _ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
        labels, rows = np.asarray(batch[b"labels"]), np.asarray(batch[b"data"])
    except Exception as error:  # a damaged pickle raises nearly anything
        raise errors.CorruptFile(
            f"{label} is not a CIFAR10 batch ({' '.join(str(error).split())}); get it again"
        ) from error
    return _checked(labels, rows, label)


def _checked(labels: np.ndarray, rows: np.ndarray, label: str) -> tuple[np.ndarray, np.ndarray]:
    whole = rows.ndim == 2 and rows.shape[1] == _ROW_BYTES and rows.dtype == np.uint8 and len(labels) == len(rows)
    if not whole or not np.all((labels >= 0) & (labels < len(LABELS))):
        raise errors.CorruptFile(
            f"{label} is not a CIFAR10 batch (rows {rows.shape}, labels {labels.shape}); get it again"
        )
    return labels, rows


class _ArrayUnpickler(pickle.Unpickler):
    """Loads arrays and plain values only: a pickle from elsewhere must not run code."""

    def find_class(self, module: str, name: str):
        allowed = {
            ("numpy", "dtype"): np.dtype,
            ("numpy", "ndarray"): _NoArray,
            ("_codecs", "encode"): _latin1_bytes,
        }
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _empty_array
        if (module, name) in allowed:
            return allowed[module, name]
        raise pickle.UnpicklingError(f"it wants {module}.{name}")


class _NoArray:
    """Stands in for the class of arrays, which a pickle could call for one of any size."""

    def __init__(self, *_):
        raise pickle.UnpicklingError("it wants an array without its contents")


def _empty_array(*_) -> np.ndarray:
    """What a pickle fills with its shape and bytes, which numpy compares with one another."""
    return np.zeros(0)


def _latin1_bytes(text: str, encoding: str) -> bytes:
    """Stands in for _codecs.encode, with which Python 3 writes bytes into pickles of protocol 2."""
    del encoding
    return text.encode("latin1")

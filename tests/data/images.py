"""Tiny pictures and archives for the tests of the data sources."""

import io
import pickle
import tarfile

import numpy as np
from PIL import Image


def random_image(seed, height=32, width=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def write_png(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
    return path


def png_bytes(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def cifar_batches(n_per_batch=3):
    """Returns {file stem: (labels [N], images [N, 32, 32, 3])} of a tiny CIFAR10."""
    stems = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    return {
        stem: (
            np.arange(n_per_batch) % 10,
            np.stack([random_image(100 * b + i) for i in range(n_per_batch)]),
        )
        for b, stem in enumerate(stems)
    }


def write_tar(path, files, mode="w"):
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def planes(images):
    return images.transpose(0, 3, 1, 2).reshape(len(images), -1)


def write_binary_cifar(folder, batches):
    files = {
        f"cifar-10-batches-bin/{stem}.bin": np.concatenate(
            [labels[:, None].astype(np.uint8), planes(images)], axis=1
        ).tobytes()
        for stem, (labels, images) in batches.items()
    }
    return write_tar(folder / "cifar-10-binary.tar.gz", files, "w:gz")


def write_python_cifar(folder, batches):
    files = {
        f"cifar-10-batches-py/{stem}": pickle.dumps({b"labels": labels.tolist(), b"data": planes(images)}, protocol=2)
        for stem, (labels, images) in batches.items()
    }
    return write_tar(folder / "cifar-10-python.tar.gz", files, "w:gz")

"""Archives and data sets from elsewhere: what they claim is bounded, what they name is not run, damage is found."""

import gzip
import io
import json
import pickle
import tracemalloc
import zipfile

import numpy as np
import pytest
from images import cifar_batches, png_bytes, random_image, write_binary_cifar, write_png, write_tar

from rec_jax.core import errors
from rec_jax.data import cifar_archive, image_archives, make_source, prepare
from rec_jax.data.bounded import BoundedReader


def refused(archive, words):
    with pytest.raises(errors.CorruptFile, match=words) as caught:
        cifar_archive.cifar10_plan(archive)
    assert str(archive) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("place", [0.1, 0.5, 0.9, -5, -2])
def test_one_flipped_byte_of_an_archive_is_found(tmp_path, place):
    archive = write_binary_cifar(tmp_path, cifar_batches())
    cifar_archive.cifar10_plan(archive)
    data = bytearray(archive.read_bytes())
    data[int(place * len(data)) if place > 0 else place] ^= 1
    archive.write_bytes(data)
    refused(archive, "is damaged")


def tar_header(name, size_field, kind=b"0", more=b""):
    """512 bytes with a right check, whatever the size says."""
    header = bytearray(512)
    header[: len(name)] = name
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136], header[136:148], header[156:157] = size_field.ljust(12, b"\0"), b"00000000000\0", kind
    header[257:265] = b"ustar  \0" if kind == b"S" else b"ustar\00000"
    header[386 : 386 + len(more)] = more
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header)


HUGE = b"\x80" + (2**40).to_bytes(11, "big")
NEGATIVE = b"\xff" * 12


@pytest.mark.parametrize(
    "data",
    [
        tar_header(b"data_batch_1.bin", HUGE) + bytes(1024),
        tar_header(b"data_batch_1.bin", NEGATIVE) + bytes(1024),
        tar_header(b"data_batch_1.bin", b"0", b"S", more=b"0000\0" + bytes(92) + HUGE) + bytes(1024),
        tar_header(b"pax", HUGE, b"x") + bytes(1024),
        tar_header(b"pax", NEGATIVE, b"x") + bytes(1024),
        tar_header(b"long", HUGE, b"L") + bytes(1024),
        tar_header(b"x", b"99999999999") + bytes(1024),
    ],
    ids=["huge", "negative", "sparse", "pax bomb", "negative pax", "long name", "8 GB"],
)
@pytest.mark.parametrize("packed", [True, False])
def test_sizes_that_cannot_be(tmp_path, data, packed):
    archive = tmp_path / "cifar-10-binary.tar.gz"
    archive.write_bytes(gzip.compress(data) if packed else data)
    refused(archive, "is damaged|lacks data_batch_1")
    for part in ("train_32x32.tar", "valid_32x32.tar"):
        (tmp_path / part).write_bytes(data)
    with pytest.raises(errors.CorruptFile, match=r"train_32x32\.tar"):
        prepare.prepare("downsampled_imagenet", str(tmp_path / "root"), str(tmp_path))


def test_a_small_archive_of_a_huge_batch(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar_archive, "_MAX_BATCH_BYTES", 1 << 20)
    archive = write_tar(tmp_path / "cifar-10-binary.tar.gz", {"x/data_batch_1.bin": bytes(2 << 20)}, "w:gz")
    refused(archive, "claims 2097152 bytes; at most 1048576 are read")
    monkeypatch.setattr(cifar_archive, "_MAX_BYTES", 1 << 20)
    monkeypatch.setattr(cifar_archive, "_MAX_BATCH_BYTES", 1 << 22)
    archive = write_tar(tmp_path / "cifar-10-binary.tar.gz", {"x/other": bytes(2 << 20)}, "w:gz")
    refused(archive, "unpacks to more than 1048576")
    archive.write_bytes(gzip.compress(bytes(4 << 20)))  # behind the end of the tar
    refused(archive, "unpacks to more than 1048576")


def test_a_reader_with_bounds():
    file = BoundedReader(io.BytesIO(bytes(100)), 50)
    assert file.read(50) == bytes(50)
    for call in (lambda: file.read(1), lambda: file.read(-1), lambda: file.seek(51), lambda: file.seek(-1)):
        with pytest.raises(errors.CorruptFile):
            call()


@pytest.mark.parametrize(
    "value",
    [
        np.ndarray,
        {b"labels": [0], b"data": np.zeros((1, 3072), np.uint8).view(np.ndarray)},
    ],
    ids=["class", "batch"],
)
def test_a_pickle_gets_arrays_but_not_their_class(tmp_path, value):
    class Giant:
        def __reduce__(self):
            return np.ndarray, ((1 << 36,),)

    if isinstance(value, dict):
        labels, rows = cifar_archive._parse_pickle(pickle.dumps(value, protocol=2), "x")
        assert labels.tolist() == [0] and rows.shape == (1, 3072)
    else:
        with pytest.raises(errors.CorruptFile, match="wants an array without its contents"):
            cifar_archive._parse_pickle(pickle.dumps(Giant(), protocol=2), "x")


def imagenet(folder, name, data):
    for part in ("train", "valid"):
        with zipfile.ZipFile(folder / f"{part}_32x32.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{part}_32x32/{name}", data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (bytes(image_archives.MAX_IMAGE_BYTES + 1), "at most 1048576 are read"),
        (png_bytes(np.zeros((6000, 6000, 3), np.uint8)), "6000x6000, not 32x32"),
    ],
    ids=["zip bomb", "png bomb"],
)
def test_bombs_in_a_zip(tmp_path, data, words):
    imagenet(tmp_path, "0.png", data)
    tracemalloc.start()
    try:
        with pytest.raises(errors.CorruptFile, match=words):
            prepare.prepare("downsampled_imagenet", str(tmp_path / "root"), str(tmp_path))
        assert tracemalloc.get_traced_memory()[1] < 50 << 20
    finally:
        tracemalloc.stop()


@pytest.fixture
def dataset(tmp_path):
    write_png(tmp_path / "photos" / "0.png", random_image(0))
    folder, _ = prepare.prepare("folder", str(tmp_path), str(tmp_path / "photos"), "mine")
    return folder


@pytest.mark.parametrize(
    "features",
    [
        {"pythonClassName": "evil_module.Feature"},
        {"type": "evil_module.Feature", "content": {}},
        {"pythonClassName": "tensorflow_datasets.core.features.features_dict.FeaturesDict",
         "featuresDict": {"features": {"image": {"python_class_name": "os.path.Evil"}}}},
        {"pythonClassName": "tensorflow_datasets.core.features.../evil.Feature"},
    ],
)  # fmt: skip
def test_features_load_no_foreign_module(dataset, tmp_path, monkeypatch, features):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('it ran')")
    monkeypatch.syspath_prepend(tmp_path)
    (dataset / "features.json").write_text(json.dumps(features))
    config = {"kind": "tfds", "name": "mine", "data_dir": str(tmp_path)}
    with pytest.raises(errors.CorruptFile, match="none of TFDS's own features"):
        make_source(config, "train")
    with pytest.raises(errors.CorruptFile, match="none of TFDS's own features"):
        prepare.prepare("folder", str(tmp_path), str(tmp_path / "photos"), "mine")


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "null", "\udcff"])
def test_damaged_features(dataset, tmp_path, text):
    (dataset / "features.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(errors.CorruptFile) as caught:
        make_source({"kind": "tfds", "name": "mine", "data_dir": str(tmp_path)}, "train")
    assert "\n" not in str(caught.value)

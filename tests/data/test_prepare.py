import hashlib
import io
import pickle
import re
import resource
import tarfile
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from images import (
    cifar_batches,
    png_bytes,
    random_image,
    write_binary_cifar,
    write_png,
    write_python_cifar,
    write_tar,
)
from PIL import Image

from rec_jax.core import errors
from rec_jax.data import image_archives, prepare, tfds_writer


def read(name, root, split):
    return list(tfds.data_source(name, data_dir=root, split=split, download=False))


def run(capsys, *arguments):
    """Returns the exit status and the lines on stderr that the command itself wrote."""
    status = prepare.main([str(argument) for argument in arguments])
    return status, [line for line in capsys.readouterr().err.splitlines() if line.startswith("prepare: ")]


@pytest.mark.parametrize("write", [write_binary_cifar, write_python_cifar])
@pytest.mark.parametrize("unpacked", [False, True])
def test_cifar10_is_what_stock_tfds_expects(tmp_path, write, unpacked):
    batches = cifar_batches()
    archive = write(tmp_path / "manual", batches)
    manual = tmp_path / "manual"
    if unpacked:
        with tarfile.open(archive) as tar:
            tar.extractall(manual, filter="data")
        archive.unlink()
        (manual,) = manual.iterdir()
    folder, counts = prepare.prepare("cifar10", str(tmp_path), str(manual))
    assert (folder, counts) == (tmp_path / "cifar10" / "3.0.2", {"train": 15, "test": 3})
    train = np.concatenate([images for stem, (_, images) in batches.items() if stem != "test_batch"])
    records = read("cifar10", tmp_path, "train")
    assert sorted(record["id"] for record in records) == [f"train_{i:05d}".encode() for i in range(15)]
    for record in records:
        i = int(record["id"][-5:])
        np.testing.assert_array_equal(record["image"], train[i])
        assert record["label"] == i % 3
    info = tfds.builder("cifar10", data_dir=tmp_path).info
    assert info.features["label"].names[:2] == ["airplane", "automobile"]
    assert info.splits["test"].num_examples == 3


def test_order_is_that_of_the_writer_of_tfds(tmp_path):
    class Numbers(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"n": np.int64}))

        def _split_generators(self, dl_manager):
            return {"train": ((f"train_32x32/{n}.png", {"n": n}) for n in range(100))}

        def _generate_examples(self):
            return ()

    Numbers(data_dir=tmp_path, file_format="array_record").download_and_prepare()
    ours = tfds_writer.stock_order([f"train_32x32/{n}.png" for n in range(100)], "train")
    assert [f"train_32x32/{record['n']}.png" for record in read("numbers", tmp_path, "train")] == ours


def test_a_data_set_that_exists_is_left_alone(tmp_path, capsys):
    write_binary_cifar(tmp_path / "manual", cifar_batches())
    arguments = ("cifar10", f"--data_dir={tmp_path}", f"--manual_dir={tmp_path / 'manual'}")
    assert run(capsys, *arguments) == (0, [])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cifar10").rglob("*")}
    assert prepare.main(list(arguments)) == 0
    assert capsys.readouterr().out == f"{tmp_path}/cifar10/3.0.2: 15 images in train, 3 images in test\n"
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cifar10").rglob("*")} == before


def damaged_cifar(kind, manual):
    batches = cifar_batches(1)
    archive = write_binary_cifar(manual, batches)
    good = archive.read_bytes()
    archive.unlink()
    if kind == "truncated":
        archive.write_bytes(good[: len(good) // 2])
    elif kind == "foreign":
        archive.write_bytes(b"<html>not found</html>")
    elif kind == "lacks":
        del batches["data_batch_3"]
        write_binary_cifar(manual, batches)
    elif kind == "odd length":
        write_tar(archive, {f"x/{stem}.bin": bytes(3000) for stem in batches}, "w:gz")
    elif kind == "code":
        evil = pickle.dumps({b"labels": print, b"data": None}, protocol=2)
        write_tar(manual / "cifar-10-python.tar.gz", {f"x/{stem}": evil for stem in batches}, "w:gz")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nothing", "no CIFAR10 in .*; it must hold one of cifar-10-binary.tar.gz, cifar-10-python.tar.gz"),
        ("truncated", r"cifar-10-binary\.tar\.gz is damaged"),
        ("foreign", r"cifar-10-binary\.tar\.gz is damaged"),
        ("lacks", r"lacks data_batch_3\.bin"),
        ("odd length", "data_batch_1.bin has 3000 bytes, no multiple of 3073"),
        ("code", "data_batch_1 is not a CIFAR10 batch .*it wants "),
    ],
)
def test_damaged_cifar_archives(tmp_path, kind, message):
    (tmp_path / "manual").mkdir()
    damaged_cifar(kind, tmp_path / "manual")
    with pytest.raises(errors.RecError, match=message):
        prepare.prepare("cifar10", str(tmp_path / "root"), str(tmp_path / "manual"))
    assert not (tmp_path / "root").exists() or not list((tmp_path / "root").iterdir())


def imagenet_files(n_images=12):
    return {
        part: {f"{part}_32x32/{i}.png": png_bytes(random_image(ord(part[0]) + i)) for i in range(n_images)}
        for part in ("train", "valid")
    }


def test_downsampled_imagenet_from_tar_zip_and_folder(tmp_path):
    files = imagenet_files()
    files["valid"] |= {"valid_32x32/._0.png": b"metadata", "valid_32x32/readme.txt": b"text"}
    write_tar(tmp_path / "tar" / "train_32x32.tar", files["train"])
    (tmp_path / "tar" / "valid_32x32").mkdir()
    for name, data in files["valid"].items():
        (tmp_path / "tar" / name).write_bytes(data)
    (tmp_path / "zip").mkdir()
    for part in files:
        with zipfile.ZipFile(tmp_path / "zip" / f"{part}_32x32.zip", "w") as archive:
            for name, data in files[part].items():
                archive.writestr(name, data)
    split_images = {}
    for kind in ("tar", "zip"):
        root = tmp_path / f"root-{kind}"
        _, counts = prepare.prepare("downsampled_imagenet", str(root), str(tmp_path / kind))
        assert counts == {"train": 12, "validation": 12}
        records = read("downsampled_imagenet/32x32", root, "validation")
        split_images[kind] = np.stack([record["image"] for record in records])
    np.testing.assert_array_equal(split_images["tar"], split_images["zip"])
    expected = np.stack([np.asarray(Image.open(io.BytesIO(files["valid"][f"valid_32x32/{i}.png"]))) for i in range(12)])
    assert sorted(map(bytes, split_images["tar"])) == sorted(map(bytes, expected))


def test_downsampled_imagenet_says_that_the_address_is_dead(tmp_path, capsys):
    for arguments in ([], [f"--manual_dir={tmp_path}"]):
        status, lines = run(capsys, "downsampled_imagenet", f"--data_dir={tmp_path}", *arguments)
        assert status == 1 and len(lines) == 1
        assert "the published address (image-net.org/small) is dead, so put your own copy" in lines[0]
    with pytest.raises(errors.ConfigError, match="has 32x32 and 64x64, not '16x16'"):
        prepare.prepare("downsampled_imagenet/16x16", str(tmp_path), str(tmp_path))


@pytest.mark.parametrize("kind", ["truncated tar", "broken zip", "wrong size", "not an image", "empty"])
def test_damaged_imagenet_archives(tmp_path, kind):
    files = imagenet_files(3)
    if kind == "wrong size":
        files["train"]["train_32x32/1.png"] = png_bytes(random_image(0, 64, 64))
    if kind == "not an image":
        files["train"]["train_32x32/1.png"] = b"hello"
    if kind == "empty":
        files["train"] = {}
    for part in files:
        path = write_tar(tmp_path / "manual" / f"{part}_32x32.tar", files[part])
    path = tmp_path / "manual" / "train_32x32.tar"
    if kind == "truncated tar":
        path.write_bytes(path.read_bytes()[:5000])
    if kind == "broken zip":
        path.unlink()
        path = path.with_suffix(".zip")
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("train_32x32/0.png", files["train"]["train_32x32/0.png"])
        data = bytearray(path.read_bytes())
        data[100] ^= 255
        path.write_bytes(data)
    with pytest.raises(errors.CorruptFile, match=r"train_32x32\.(tar|zip)"):
        prepare.prepare("downsampled_imagenet", str(tmp_path / "root"), str(tmp_path / "manual"))
    assert not list((tmp_path / "root").iterdir())


def test_kodak_keeps_its_order_and_must_be_kodak(tmp_path, monkeypatch):
    images = [random_image(i, 16, 24) if i % 2 else random_image(i, 24, 16) for i in range(24)]
    for name, image in zip(image_archives.KODAK_NAMES, images, strict=True):
        write_png(tmp_path / "manual" / name, image)
    with pytest.raises(errors.CorruptFile, match="not the published Kodak images"):
        prepare.prepare("kodak", str(tmp_path), str(tmp_path / "manual"))
    digest = hashlib.sha256(b"".join(image.tobytes() for image in images)).hexdigest()
    monkeypatch.setattr(image_archives, "KODAK_PIXELS_SHA256", digest)
    prepare.prepare("kodak", str(tmp_path), str(tmp_path / "manual"))
    records = read("kodak", tmp_path, "test")
    assert [record["id"].decode() for record in records] == list(image_archives.KODAK_NAMES)
    for record, image in zip(records, images, strict=True):
        np.testing.assert_array_equal(record["image"], image)
    (tmp_path / "manual" / "kodim07.png").unlink()
    with pytest.raises(errors.MissingFile, match=r"lacks kodim07\.png \(23 of"):
        prepare.prepare("kodak", str(tmp_path / "other"), str(tmp_path / "manual"))


def test_folder_whole_with_splits(tmp_path):
    for i, part in enumerate(("train", "test", "test/deeper")):
        write_png(tmp_path / "My Photos" / part / "x.jpg.png", random_image(i, 20 + i, 30))
    folder, counts = prepare.prepare("folder", str(tmp_path), str(tmp_path / "My Photos"))
    assert folder.parent.name == "my_photos" and counts == {"train": 1, "test": 2}
    records = read("my_photos", tmp_path, "test")
    assert [record["id"] for record in records] == [b"test/deeper/x.jpg.png", b"test/x.jpg.png"]
    np.testing.assert_array_equal(records[0]["image"], random_image(2, 22, 30))


def test_every_image_of_a_folder_gets_a_split_or_is_named(tmp_path, capsys, caplog):
    for name in ("train/0.png", "val/0.png", "val/1.png", "test/0.jpg.png"):
        write_png(tmp_path / "a" / name, random_image(0))
    (tmp_path / "a" / "notes.txt").touch()
    assert prepare.main(["folder", f"--data_dir={tmp_path}", f"--manual_dir={tmp_path / 'a'}"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("1 images in train, 2 images in validation, 1 images in test\n")
    assert "not taken as images: notes.txt" in caplog.text
    write_png(tmp_path / "b" / "test" / "0.png", random_image(0))
    for name in ("0.png", "more/1.png"):
        write_png(tmp_path / "b" / name, random_image(1))
    _, counts = prepare.prepare("folder", str(tmp_path), str(tmp_path / "b"), "b", split="train")
    assert counts == {"train": 2, "test": 1}
    with pytest.raises(errors.ConfigError, match="images for test in two places"):
        prepare.prepare("folder", str(tmp_path), str(tmp_path / "b"), "c", split="test")
    write_png(tmp_path / "a" / "valid" / "0.png", random_image(0))
    with pytest.raises(errors.ConfigError, match="images for validation in two places, val/ and valid/"):
        prepare.prepare("folder", str(tmp_path), str(tmp_path / "a"), "d")


def test_a_set_that_is_there_is_taken_for_no_other(tmp_path):
    for name in ("cats/0.png", "dogs/0.png"):
        write_png(tmp_path / name, random_image(len(name)))
    arguments = ("folder", str(tmp_path), str(tmp_path / "cats"), "pets")
    first = prepare.prepare(*arguments)
    assert prepare.prepare(*arguments) == first
    for other in (dict(patch=16), dict(split="test"), dict(manual_dir=str(tmp_path / "dogs"))):
        given = dict(zip(("name", "data_dir", "manual_dir", "folder_name"), arguments, strict=True)) | other
        with pytest.raises(errors.ConfigError, match="pets is there already, .* give another --name"):
            prepare.prepare(**given)
    write_png(tmp_path / "cats" / "1.png", random_image(3))
    with pytest.raises(errors.ConfigError, match="images differ"):
        prepare.prepare(*arguments)
    (first[0] / "made_of.json").unlink()  # one of an earlier version
    with pytest.raises(errors.ConfigError, match="is there already"):
        prepare.prepare(*arguments)


def test_folder_in_patches(tmp_path):
    write_png(tmp_path / "photos" / "0.png", random_image(0, 40, 70))
    _, counts = prepare.prepare("folder", str(tmp_path), str(tmp_path / "photos"), "tiles", patch=16, split="test")
    assert counts == {"test": 8}
    for record in read("tiles", tmp_path, "test"):
        top, left = map(int, record["id"].decode().partition(":")[2].split(","))
        np.testing.assert_array_equal(record["image"], random_image(0, 40, 70)[top : top + 16, left : left + 16])
    with pytest.raises(errors.UnsupportedImage, match=r"0\.png is 70x40, too small for 64x64"):
        prepare.prepare("folder", str(tmp_path), str(tmp_path / "photos"), "other", patch=64)
    assert not (tmp_path / "other").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cifra10"], "cannot prepare 'cifra10'; have .*; did you mean cifar10?"),
        (["cifar10", "--manual_dir=/nowhere"], "--manual_dir=/nowhere is not a folder"),
        (["folder"], "prepare folder needs --manual_dir"),
        (["folder", "--manual_dir=.", "--name=cifar10"], "--name=cifar10 is a data set of its own"),
        (["folder", "--manual_dir=.", "--name=A-b"], "--name='A-b' cannot name a data set"),
        (["folder", "--manual_dir=.", "--name=x", "--patch=-1"], "--patch=-1"),
    ],
)
def test_wrong_arguments_give_one_line(tmp_path, capsys, arguments, message):
    status, lines = run(capsys, *arguments, f"--data_dir={tmp_path}")
    assert status == 1 and len(lines) == 1
    assert re.search(message, lines[0])


def test_without_a_network_one_line_says_what_to_do(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(prepare.cifar_archive, "URL", "http://127.0.0.1:9/cifar-10-binary.tar.gz")
    status, lines = run(capsys, "cifar10", f"--data_dir={tmp_path}")
    assert status == 1 and len(lines) == 1
    assert "cannot download http://127.0.0.1:9/" in lines[0] and "--manual_dir=FOLDER" in lines[0]
    assert not list((tmp_path / "downloads").iterdir())


def test_a_download_is_checked_and_kept(tmp_path, monkeypatch):
    archive = write_binary_cifar(tmp_path / "server", cifar_batches(1))
    monkeypatch.setattr(prepare.cifar_archive, "URL", archive.as_uri())
    with pytest.raises(errors.CorruptFile, match="has SHA-256 .*, expected c4a38c50"):
        prepare.prepare("cifar10", str(tmp_path / "root"))
    assert not list((tmp_path / "root" / "downloads").iterdir())
    monkeypatch.setattr(prepare.cifar_archive, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    _, counts = prepare.prepare("cifar10", str(tmp_path / "root"))
    assert counts == {"train": 5, "test": 1}


def test_a_full_disk_leaves_nothing(tmp_path, capsys):
    """A limit on the size of files stands in for the full disk."""
    write_png(tmp_path / "photos" / "0.png", random_image(0, 400, 600))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        status, lines = run(capsys, "folder", f"--manual_dir={tmp_path / 'photos'}", f"--data_dir={tmp_path / 'root'}")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert status == 1 and len(lines) == 1 and "cannot write" in lines[0]
    assert not list((tmp_path / "root").iterdir())

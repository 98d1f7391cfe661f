import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from images import cifar_batches, random_image, write_binary_cifar, write_png
from PIL import Image

from rec_jax.core import errors
from rec_jax.data import array_cache, make_source
from rec_jax.data.prepare import prepare
from rec_jax.data.tfds_writer import Plan, own_info, write_dataset


class TinyImages32(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A data set that TFDS's own writer makes and that no package knows."""

    VERSION = tfds.core.Version("1.0.0")
    name = "tiny_images32"

    def _info(self):
        image = tfds.features.Image(shape=(32, 32, 3), dtype=np.uint8, encoding_format="png")
        return tfds.core.DatasetInfo(builder=self, features=tfds.features.FeaturesDict({"image": image}))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(range(20)), "validation": self._generate_examples(range(100, 105))}

    def _generate_examples(self, seeds):
        for seed in seeds:
            yield seed, {"image": Image.fromarray(random_image(seed))}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A TFDS root with cifar10, 15 + 3 images, and tiny_images32, 20 + 5 images."""
    folder = tmp_path_factory.mktemp("tfds")
    write_binary_cifar(folder / "manual", cifar_batches())
    prepare("cifar10", str(folder / "sets"), str(folder / "manual"))
    builder = TinyImages32(data_dir=folder / "sets", file_format="array_record")
    builder.download_and_prepare()
    return folder / "sets"


@pytest.fixture
def root(prepared, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(prepared, tmp_path / "sets", ignore=shutil.ignore_patterns(".rec_jax_cache"))


def config(root, **options):
    return {"kind": "tfds", "name": "cifar10", "data_dir": str(root)} | options


def test_a_source_is_what_stock_tfds_reads(prepared):
    stock = [record["image"] for record in tfds.data_source("cifar10", data_dir=prepared, split="train")]
    source = make_source(config(prepared), "train")
    assert len(source) == 15
    np.testing.assert_array_equal(source[3], stock[3])
    np.testing.assert_array_equal(source.array(), np.stack(stock))
    assert source.label(3) == "cifar10 train[3]"
    with pytest.raises(IndexError):
        source[15]


def test_a_data_set_that_only_the_disk_knows(prepared):
    source = make_source(config(prepared, name="tiny_images32", split_test="validation"), "test")
    assert sorted(image.tobytes() for image in source.array()) == sorted(
        random_image(seed).tobytes() for seed in range(100, 105)
    )


def test_data_dir_comes_from_the_environment(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert len(make_source(config("", split_test="test[:2]"), "test")) == 2


def test_images_are_decoded_once(root, monkeypatch):
    first = make_source(config(root), "train").array()
    assert len(list((root / ".rec_jax_cache").glob("cifar10-3.0.2-train-15-*.npy"))) == 1
    monkeypatch.setattr(array_cache, "_write_array", None)  # would fail if called
    np.testing.assert_array_equal(make_source(config(root), "train").array(), first)


def test_a_damaged_cache_is_written_anew(root):
    first = np.array(make_source(config(root), "train").array())
    (file,) = (root / ".rec_jax_cache").iterdir()
    for damaged in (b"", file.read_bytes()[:-100], b"x" * 500):
        file.unlink()  # the mapped array stays valid
        file.write_bytes(damaged)
        np.testing.assert_array_equal(make_source(config(root), "train").array(), first)


def test_data_prepared_anew_are_decoded_anew(root):
    before = np.array(make_source(config(root), "test").array())
    shutil.rmtree(root / "cifar10")
    others = {stem: (labels, images[::-1] ^ 1) for stem, (labels, images) in cifar_batches().items()}
    write_binary_cifar(root / "manual", others)
    prepare("cifar10", str(root), str(root / "manual"))
    assert (make_source(config(root), "test").array() != before).any()


def test_without_a_place_to_write_the_array_stays_in_memory(root, tmp_path, monkeypatch):
    (root / ".rec_jax_cache").write_text("not a folder")
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / ".rec_jax_cache"))
    assert make_source(config(root), "train").array().shape == (15, 32, 32, 3)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    make_source(config(root), "train").array()
    assert list((tmp_path / "cache" / "rec_jax").glob("cifar10-*.npy"))


def test_a_write_that_fails_leaves_nothing(tmp_path):
    def chunks():
        yield np.zeros((1, 4, 4, 3), np.uint8)
        raise OSError(28, "No space left on device")

    assert not array_cache._write_array(tmp_path / "x.npy", (2, 4, 4, 3), chunks)
    assert not list(tmp_path.iterdir())


def test_mixed_sizes_give_crops_but_no_array(tmp_path):
    for i, size in enumerate([(40, 70), (64, 33)]):
        write_png(tmp_path / "images" / f"{i}.png", random_image(i, *size))
    prepare("folder", str(tmp_path), str(tmp_path / "images"), folder_name="mixed")
    mixed = config(tmp_path, name="mixed", split_test="train")
    assert make_source(mixed, "train").array().shape == (4, 32, 32, 3)
    assert make_source(mixed | {"patch_test": 16}, "test").array().shape == (2, 16, 16, 3)
    with pytest.raises(errors.ConfigError, match=r"mixed holds images of several sizes"):
        make_source(mixed, "test").array()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "cifar11"}, r"no data set 'cifar11' in .* holds cifar10, tiny_images32.*; did you mean cifar10"),
        ({"name": "cifar10:1.0.0"}, r"no data set 'cifar10:1.0.0'"),
        ({"name": "mnist"}, r"tfds build mnist --file_format=array_record"),
        ({"name": "kodak"}, r"run: python -m rec_jax\.data\.prepare kodak --data_dir="),
        ({"name": "../sets/cifar10"}, r"no data set '\.\./sets/cifar10'"),
        (
            {"data_dir": "/nowhere"},
            r"\(no such folder\); run: python -m rec_jax\.data\.prepare cifar10 --data_dir=/nowhere",
        ),
        ({"data_dir": ""}, r"no data set 'cifar10' in .*no-tfds"),
        ({"name": "my_own_set"}, r"set data.data_dir or TFDS_DATA_DIR"),
    ],
)
def test_a_missing_data_set_says_what_to_do(prepared, options, message):
    with pytest.raises(errors.MissingFile, match=message) as caught:
        make_source(config(prepared, **options), "train")
    assert "\n" not in str(caught.value)


def test_an_unknown_split_says_what_is_there(prepared):
    for split in ("validation", "test[:x]", ""):
        with pytest.raises(errors.ConfigError, match=r"have train \(15 images\), test \(3 images\), or slices"):
            make_source(config(prepared, split_test=split), "test")
    with pytest.raises(errors.ConfigError, match="data.name is empty"):
        make_source(config(prepared, name=""), "test")


@pytest.mark.parametrize("damage", ["no records", "cut records", "bad json", "no features"])
def test_damaged_data_sets_are_named(root, damage):
    folder = root / "cifar10" / "3.0.2"
    (records,) = folder.glob("cifar10-test*")
    if damage == "no records":
        records.unlink()
    elif damage == "cut records":
        records.write_bytes(records.read_bytes()[:300])
    elif damage == "bad json":
        (folder / "dataset_info.json").write_text("{")
    else:
        (folder / "features.json").unlink()
    with pytest.raises(errors.CorruptFile, match=r"cifar10/3\.0\.2 is damaged .*prepare cifar10 again") as caught:
        make_source(config(root), "test").array()
    assert "\n" not in str(caught.value)


def test_a_format_without_random_access_is_named(root):
    info = root / "cifar10" / "3.0.2" / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(errors.ConfigError, match="stored as .*tfrecord, which has no random access; delete it and run"):
        make_source(config(root), "test")


def test_an_interrupted_preparation_is_no_data_set(root):
    (root / "cifar10" / "3.0.2" / "dataset_info.json").unlink()
    shutil.copytree(root / "tiny_images32", root / ".incomplete_abc" / "tiny_images32")
    with pytest.raises(errors.MissingFile, match=r"\(it holds tiny_images32\); run: python -m rec_jax.data.prepare"):
        make_source(config(root), "test")


def test_grey_data_sets_are_refused(tmp_path):
    def make_info(data_dir):
        info = own_info("grey", "")(data_dir)
        image = tfds.features.Image(shape=(None, None, 1), encoding_format="png")
        identity = tfds.core.DatasetIdentity(
            name="grey", version=tfds.core.Version("1.0.0"), data_dir=info.data_dir, module_name="tests"
        )
        return tfds.core.DatasetInfo(builder=identity, features=tfds.features.FeaturesDict({"image": image}))

    grey = Image.fromarray(random_image(0)[..., 0])
    write_dataset(Plan(make_info, {"train": lambda: [{"image": grey}]}), tmp_path)
    with pytest.raises(errors.ConfigError, match="grey has no 8-bit RGB feature 'image'"):
        make_source(config(tmp_path, name="grey"), "train")


def test_reading_needs_no_tensorflow_and_embedded_data_no_tfds(prepared):
    program = (
        "import sys\n"
        "from rec_jax.data import make_source\n"
        "make_source({'kind': 'embedded'}, 'test'); assert 'tensorflow_datasets' not in sys.modules\n"
        f"assert len(make_source({config(prepared)!r}, 'test').array()) == 3\n"
        "assert 'tensorflow' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)

"""The columns of Table 1, the published numbers beside them, and the commands it shows."""

import dataclasses

import pytest
from PIL import Image

from configs.table1 import get_config
from experiments.table1 import __main__ as table1
from experiments.table1.columns import Column, make_columns
from experiments.table1.markdown import main_table
from experiments.table1.results import make_table, read_published
from experiments.table1.rows import make_rows
from experiments.table1.run import Plan, public_command, without_folders
from rec_jax.core.errors import ConfigError, RecError
from tests.experiments.quick_table import PIXELS, QUICK, quick_column


def test_columns_know_whether_they_are_what_the_heading_says(tmp_path):
    cifar10, imagenet32, kodak = make_columns(get_config(), "DIR", str(tmp_path))
    assert cifar10.stand_in == "" and imagenet32.stand_in == "stand-in, not ImageNet32"
    assert imagenet32.data == "tiny_imagenet32 validation"
    true = dict(imagenet32.options) | dict(name="downsampled_imagenet/32x32")
    assert dataclasses.replace(imagenet32, options=true).stand_in == ""
    assert dataclasses.replace(cifar10, options=dict(cifar10.options) | dict(split="train")).stand_in
    for i in range(1, 25):
        Image.new("RGB", (512, 768) if i % 5 == 4 else (768, 512)).save(tmp_path / f"kodim{i:02d}.png")
    assert kodak.stand_in == "" and len(kodak.classical_images()) == 24 and kodak.models[0] == "photos-rvae"
    Image.fromarray(PIXELS).save(tmp_path / "kodim24.png")
    assert dataclasses.replace(kodak).stand_in == "stand-in, not Kodak"
    Image.new("RGB", (768, 512)).save(tmp_path / "kodim24.png")
    assert dataclasses.replace(kodak).stand_in == ""
    (tmp_path / "kodim01.png").rename(tmp_path / "mine.png")
    assert dataclasses.replace(kodak).stand_in == "stand-in, not Kodak"
    assert all(column.stand_in for column in make_columns(QUICK, "", ""))


def method(row_id):
    """Of a row."""
    return {row.id: row.method for row in make_rows(QUICK)}[row_id]


def test_other_images_never_share_rows():
    a, b = quick_column().classical_images(), quick_column(patch=64).classical_images()
    assert a.digest == quick_column(n_classical=2).classical_images().digest != b.digest
    assert quick_column(crop=16).cropped_images().digest not in (a.digest, quick_column(crop=8).cropped_images().digest)
    with pytest.raises(ConfigError, match="cifar10.models is empty"):
        method("rec").jobs(quick_column(models=" ,"))
    with pytest.raises(ConfigError, match="cifar10.phases is empty"):
        method("phases").jobs(quick_column(phases=""))
    with pytest.raises(RecError):
        quick_column(kind="nonsense").classical_images()


def test_a_known_data_set_says_what_is_missing_of_it(monkeypatch):
    column = Column("cifar10", get_config().cifar10)
    for n_images, words in ((10_000, "cifar10 test"), (9_977, "cifar10 test (9,977 of its 10,000 images)")):
        monkeypatch.setattr(Column, "_source", range(n_images))
        assert dataclasses.replace(column).data == words


def test_one_changed_image_changes_the_digest(tmp_path):
    column = Column("kodak", get_config().kodak, folder=str(tmp_path))
    digests = set()
    for colour in (0, 1):
        for i, value in enumerate((7, colour, 9)):
            Image.new("RGB", (8, 8), (value, 0, 0)).save(tmp_path / f"{i}.png")
        digests.add(dataclasses.replace(column).classical_images().digest)
    assert len(digests) == 2


def test_every_published_number_is_shown_once():
    published, rows = read_published(), make_rows(QUICK)
    named = [row.published for row in rows if row.published]
    assert sorted(named) == sorted(published["rows"]) and "2020" in published["source"]
    assert len({row.id for row in rows}) == len(rows)
    text = main_table(make_table(Plan(config={"n_samples": 1}), rows, table1.ROOT / "absent"))
    for numbers in ("*54.96 (3.12)*", "*24.51 (3.56)*", "*3.67*", "*17.50 (3.00)*"):
        assert text.count(numbers) == 1
    assert "**" not in text  # nothing is measured


def test_commands_name_no_folder_of_this_machine(tmp_path):
    assert (
        without_folders("--config.kodak.models=a,/home/me/runs/b.safetensors")
        == "--config.kodak.models=a,PATH/b.safetensors"
    )
    assert without_folders("--config.imagenet32.name=downsampled_imagenet/32x32").endswith(
        "=downsampled_imagenet/32x32"
    )
    command = public_command(tmp_path, ["--quick"], has_data_dir=True, has_kodak_dir=True)
    assert command == "python -m experiments.table1 --workdir=WORKDIR --data_dir=DIR --kodak_dir=FOLDER --quick"

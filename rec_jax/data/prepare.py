"""Makes TFDS data sets without TensorFlow; afterwards stock `tfds.data_source(name, data_dir=...)` reads them.

    python -m rec_jax.data.prepare cifar10 [--manual_dir=FOLDER]                  # downloads, or takes your archive
    python -m rec_jax.data.prepare downsampled_imagenet --manual_dir=FOLDER       # your archive: the address is dead
    python -m rec_jax.data.prepare kodak [--manual_dir=FOLDER]                    # downloads, or takes your 24 PNGs
    python -m rec_jax.data.prepare folder --manual_dir=FOLDER [--name=NAME] [--patch=32] [--split=train]

Each takes --data_dir=DIR; without it the data sets go to $TFDS_DATA_DIR, else ~/tensorflow_datasets.
"""

import argparse
import difflib
import pathlib
import re
import sys

import tensorflow_datasets as tfds
from absl import logging

from rec_jax.core import errors
from rec_jax.core.messages import one_line
from rec_jax.core.paths import expand_home
from rec_jax.data import cifar_archive, image_archives
from rec_jax.data.download import download
from rec_jax.data.tfds_folders import PREPARABLE, resolve_data_dir
from rec_jax.data.tfds_writer import Plan, write_dataset


def prepare(
    name: str, data_dir: str = "", manual_dir: str = "", folder_name: str = "", patch: int = 0, split: str = "train"
) -> tuple[pathlib.Path, dict[str, int]]:
    """Writes one data set below data_dir; returns its folder and {split: number of images}. An existing one stays.

    name: 'cifar10', 'downsampled_imagenet' (or '.../64x64'), 'kodak' or 'folder'.
    manual_dir: where the user's archive or images lie; '' downloads where that is possible.
    folder_name, patch, split: for 'folder', see image_archives.folder_plan.
    Raises a RecError of one line if something is unknown, missing or damaged.
    """
    root = resolve_data_dir(data_dir)
    manual = expand_home(manual_dir) if manual_dir else None
    if manual is not None and not manual.is_dir():
        raise errors.MissingFile(f"--manual_dir={manual_dir} is not a folder")
    base, _, config = name.partition("/")
    match base:
        case "cifar10":
            plan = _cifar10(root, manual)
        case "downsampled_imagenet":
            plan = image_archives.downsampled_imagenet_plan(config or "32x32", manual)
        case "kodak":
            plan = image_archives.kodak_plan(manual or _download_kodak(root))
        case "folder":
            plan = _folder(manual, folder_name, patch, split)
        case other:
            close = difflib.get_close_matches(other, PREPARABLE, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise errors.ConfigError(f"cannot prepare {other!r}; have {', '.join(PREPARABLE)}{hint}")
    return write_dataset(plan, root)


def _cifar10(root: pathlib.Path, manual: pathlib.Path | None) -> Plan:
    url, sha256 = cifar_archive.URL, cifar_archive.SHA256
    archive = cifar_archive.find_archive(manual) if manual else download(url, root / "downloads", sha256)
    return cifar_archive.cifar10_plan(archive)


def _download_kodak(root: pathlib.Path) -> pathlib.Path:
    folder = root / "downloads" / "kodak"
    for name in image_archives.KODAK_NAMES:
        download(f"{image_archives.KODAK_URL}/{name}", folder)
    return folder


def _folder(manual: pathlib.Path | None, name: str, patch: int, split: str) -> Plan:
    if manual is None:
        raise errors.ConfigError("prepare folder needs --manual_dir=FOLDER with images")
    name = name or re.sub(r"[^a-z0-9]+", "_", manual.resolve().name.lower()).strip("_")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise errors.ConfigError(f"--name={name!r} cannot name a data set; take small letters, digits and _")
    if name in PREPARABLE or name in tfds.list_builders(with_community_datasets=False):
        raise errors.ConfigError(f"--name={name} is a data set of its own; give your folder another --name")
    if patch < 0 or not re.fullmatch(r"[a-z][a-z0-9_]*", split) or split == "all":
        raise errors.ConfigError(f"--patch={patch} --split={split}; a patch of 0 or more and a split such as train")
    return image_archives.folder_plan(name, manual, patch, split)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status, 1 after one line on stderr if something was wrong."""
    parser = argparse.ArgumentParser(
        "python -m rec_jax.data.prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help=", ".join(PREPARABLE))
    parser.add_argument("--data_dir", default="", help="TFDS root to write to")
    parser.add_argument("--manual_dir", default="", help="folder with your archive or images")
    parser.add_argument("--name", dest="folder_name", default="", help="folder: name of the data set")
    parser.add_argument("--patch", type=int, default=0, help="folder: cut images to squares of this many pixels")
    parser.add_argument(
        "--split",
        default="train",
        help="folder: split of images outside train/, validation/ (or valid/, val/) and test/",
    )
    options = vars(parser.parse_args(arguments))
    logging.set_verbosity(logging.INFO)
    try:
        folder, counts = prepare(**options)
    except (errors.RecError, OSError) as error:
        print(f"prepare: {one_line(error)}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("prepare: interrupted; nothing was written", file=sys.stderr)
        return 130
    print(f"{folder}: {', '.join(f'{n_images} images in {split}' for split, n_images in counts.items())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Data sets that are piles of image files: downsampled ImageNet, Kodak, any folder."""

import dataclasses
import hashlib
import io
import pathlib
import zipfile
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from rec_jax.core import errors
from rec_jax.core.files import read_bytes
from rec_jax.data.bounded import tar_members
from rec_jax.data.image_files import decode_rgb, is_image_name, list_images, read_rgb
from rec_jax.data.source import check_holds_patch
from rec_jax.data.tfds_writer import Plan, own_info, stock_info, stock_order

KODAK_URL = "http://r0k.us/graphics/kodak/kodak"
KODAK_NAMES = tuple(f"kodim{i:02d}.png" for i in range(1, 25))
KODAK_PIXELS_SHA256 = "c2c749bf39d7af3358bd899102b179c2ac68dbfab84dd8bbd177f508735db8af"  # of the 24 images, in order
MAX_IMAGE_BYTES = 1 << 20  # of one of downsampled ImageNet, a PNG of 64x64 at most
MAX_PATCH_BYTES = 4 << 30  # patches wait in memory until their order is known
SPLIT_FOLDERS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "test": "test",
}  # subfolder -> split
IMAGENET_SIZES = ("32x32", "64x64")


@dataclasses.dataclass(frozen=True)
class _Members:
    """The images in a tar, a zip or a folder: their names, and a reader of one of them in any order."""

    names: list[str]
    read: Callable[[str], bytes]


def downsampled_imagenet_plan(size: str, manual_dir: pathlib.Path | None) -> Plan:
    """Returns downsampled_imagenet/SIZE from train_SIZE and valid_SIZE (.tar, .zip or unpacked) in manual_dir.

    The files' bytes are kept; order and features are those of TFDS's own builder, which the archive's dead
    address keeps from working. Raises MissingFile if an archive is not there, CorruptFile if it is damaged.
    """
    if size not in IMAGENET_SIZES:
        raise errors.ConfigError(f"downsampled_imagenet has {' and '.join(IMAGENET_SIZES)}, not {size!r}")
    found = {
        split: _find_imagenet(manual_dir, f"{part}_{size}")
        for split, part in (("train", "train"), ("validation", "valid"))
    }
    height, width = (int(number) for number in size.split("x"))

    def examples(split: str) -> Iterator[dict]:
        members = _list_members(found[split])
        for name in stock_order(members.names, split):
            data, label = members.read(name), f"{found[split]}: {name}"
            decode_rgb(data, label, size=(width, height))
            yield {"image": io.BytesIO(data)}

    splits = {"train": lambda: examples("train"), "validation": lambda: examples("validation")}
    return Plan(stock_info(f"downsampled_imagenet/{size}"), splits)


def _find_imagenet(manual_dir: pathlib.Path | None, stem: str) -> pathlib.Path:
    names = [f"{stem}.tar", f"{stem}.zip", stem]
    for place in [manual_dir / name for name in names] if manual_dir else []:
        if place.exists():
            return place
    start = (
        f"{manual_dir} has none of {', '.join(names)}"
        if manual_dir
        else "downsampled_imagenet needs --manual_dir=FOLDER"
    )
    raise errors.MissingFile(
        f"{start}; the published address (image-net.org/small) is dead, so put your own copy of train_*.tar and "
        "valid_*.tar there"
    )


def kodak_plan(folder: pathlib.Path) -> Plan:
    """Returns the 24 Kodak images, split 'test', in the order of their numbers, from kodim01.png ... in `folder`.

    Raises MissingFile if one is not there and CorruptFile if the pixels are not the published ones, because
    results named after Kodak must be comparable.
    """
    missing = [name for name in KODAK_NAMES if not (folder / name).is_file()]
    if missing:
        raise errors.MissingFile(
            f"{folder} lacks {missing[0]} ({24 - len(missing)} of kodim01.png ... kodim24.png are there)"
        )
    digest = hashlib.sha256()
    for name in KODAK_NAMES:
        digest.update(read_rgb(folder / name).tobytes())
    if digest.hexdigest() != KODAK_PIXELS_SHA256:
        raise errors.CorruptFile(
            f"the images in {folder} are not the published Kodak images pixel by pixel; for others use: prepare folder"
        )

    def examples() -> Iterator[dict]:
        for name in KODAK_NAMES:
            yield {"id": name, "image": io.BytesIO((folder / name).read_bytes())}

    info = own_info("kodak", "Kodak Lossless True Color Image Suite: 24 photographs, 768x512 or 512x768.")
    return Plan(info, {"test": examples})


def folder_plan(name: str, folder: pathlib.Path, patch: int, split: str) -> Plan:
    """Returns a data set of any folder of images, stored as PNG.

    Subfolders named as in SPLIT_FOLDERS become these splits; all other images become `split`.
    patch: 0 keeps the images whole and in sorted order; otherwise each image is tiled with patch x patch pieces
    from its top left corner, in shuffled order, so that the first N show many images.
    Raises ConfigError where one split would be made of two places.
    """
    found = _splits_of(folder, split)

    def examples(part: str) -> Iterator[dict]:
        for path in found[part]:
            yield {"id": path.relative_to(folder).as_posix(), "image": Image.fromarray(read_rgb(path))}

    def patches(part: str) -> Iterator[dict]:
        tiles = {}
        for path in found[part]:
            image = read_rgb(path)
            check_holds_patch(image, patch, str(path))
            for top, left, tile in _tiles(image, patch):
                tiles[f"{path.relative_to(folder).as_posix()}:{top},{left}"] = tile.copy()
            if len(tiles) * 3 * patch * patch > MAX_PATCH_BYTES:
                raise errors.ConfigError(
                    f"{folder} holds more than {MAX_PATCH_BYTES >> 30} GiB of patches; split it up"
                )
        for key in stock_order(tiles, part):
            yield {"id": key, "image": Image.fromarray(tiles[key])}

    what = f"{patch}x{patch} patches of images" if patch else "Images"
    make = patches if patch else examples
    splits = {part: lambda part=part: make(part) for part in found}
    return Plan(own_info(name, f"{what} from a folder."), splits, _origin(folder, patch, found))


def _splits_of(folder: pathlib.Path, split: str) -> dict[str, list[pathlib.Path]]:
    """{split: its images}: every image below the folder belongs to one."""
    found: dict[str, list[pathlib.Path]] = {}
    places: dict[str, str] = {}
    for path in list_images(folder):
        top, *rest = path.relative_to(folder).parts
        part = SPLIT_FOLDERS.get(top) if rest else None
        part, place = (part, f"{top}/") if part else (split, "outside its split folders")
        if places.setdefault(part, place) != place:
            raise errors.ConfigError(
                f"{folder} has images for {part} in two places, {places[part]} and {place}; move them together, or "
                f"give another --split to those outside {', '.join(SPLIT_FOLDERS)}"
            )
        found.setdefault(part, []).append(path)
    order = [*dict.fromkeys(SPLIT_FOLDERS.values()), *found]
    return {part: found[part] for part in dict.fromkeys(order) if part in found}


def _origin(folder: pathlib.Path, patch: int, found: dict[str, list[pathlib.Path]]) -> dict[str, str | int]:
    """What the data set is made of: it is the same set as long as this is."""
    digest = hashlib.sha256()
    for part, paths in found.items():
        for path in paths:
            status = path.stat()
            row = (part, path.relative_to(folder).as_posix(), status.st_size, status.st_mtime_ns)
            digest.update(repr(row).encode(errors="surrogateescape"))
    return {"folder": str(folder.resolve()), "patch": patch, "images": digest.hexdigest()}


def _tiles(image: np.ndarray, patch: int) -> Iterator[tuple[int, int, np.ndarray]]:
    for top in range(0, image.shape[0] - patch + 1, patch):
        for left in range(0, image.shape[1] - patch + 1, patch):
            yield top, left, image[top : top + patch, left : left + patch]


def _list_members(path: pathlib.Path) -> _Members:
    """Lists a tar, a zip or a folder; CorruptFile if it is damaged or holds no image."""
    try:
        if path.is_dir():
            members = _folder_members(path)
        elif path.suffix == ".zip":
            members = _zip_members(path)
        else:
            members = _tar_members(path)
    except (errors.CorruptFile, zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
        raise errors.CorruptFile(f"{path} is damaged ({error}); get it again") from error
    if not members.names:
        raise errors.CorruptFile(f"{path} holds no image")
    return members


def _folder_members(folder: pathlib.Path) -> _Members:
    names = [f"{folder.name}/{path.relative_to(folder).as_posix()}" for path in list_images(folder)]
    return _Members(names, lambda name: read_bytes(folder.parent / name, MAX_IMAGE_BYTES))


def _zip_members(path: pathlib.Path) -> _Members:
    archive = zipfile.ZipFile(path)

    def read(name: str) -> bytes:
        if (size := archive.getinfo(name).file_size) > MAX_IMAGE_BYTES:
            raise errors.CorruptFile(f"{path}: {name} has {size} bytes; at most {MAX_IMAGE_BYTES} are read")
        try:
            return archive.read(name)
        except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError) as error:
            raise errors.CorruptFile(f"{path} is damaged at {name} ({error}); get it again") from error

    return _Members([name for name in archive.namelist() if is_image_name(name)], read)


def _tar_members(path: pathlib.Path) -> _Members:
    """Notes where each image lies and forgets the headers."""
    places = {}
    for name, member, _ in tar_members(path, path.stat().st_size, MAX_IMAGE_BYTES):
        if is_image_name(name):
            places[name] = (member.offset_data, member.size)
    file = path.open("rb")

    def read(name: str) -> bytes:
        offset, size = places[name]
        file.seek(offset)
        return file.read(size)

    return _Members(list(places), read)

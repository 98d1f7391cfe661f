"""Writes a file for each of many pictures, decodes each in a new process without jax, one by one, and compares.

python -m experiments.round_trip --model=cifar10-rvae --source=cifar10 --data_dir=DIR --n=200 --out=runs/round_trip
python -m experiments.round_trip --model=cifar10-rvae --source=kodak_crops --data_dir=FOLDER --out=runs/kodak
python -m experiments.round_trip --workdir=runs/x --source=cifar10 --data_dir=DIR --n=1      # weights of a training run

cifar10: the first N test images of TFDS's cifar10, from its --data_dir.  kodak_crops: central 64x64 crops of the test
images in a folder (FOLDER/*.png), or of TFDS's kodak if --data_dir holds one.  Exit code 0 only if every file decoded
exactly.
"""

import argparse
import dataclasses
import sys
import time
from pathlib import Path

import numpy as np

from experiments.decode_files import decode_in_new_process, is_exact
from experiments.program import at_least, ends_in_a_line
from rec_jax.codec import open_package
from rec_jax.codec.container import EMBEDDED
from rec_jax.core.errors import ConfigError
from rec_jax.core.estimates import ratio
from rec_jax.core.files import write_bytes_atomic
from rec_jax.data import make_source

BATCH_SIZE = 16  # tiles of 32 or 64 that the codec's encoder searches together


@ends_in_a_line("round_trip")
def main(argv: list[str] | None = None) -> int:
    """Runs the round trip; exit code 1 if one file did not come back exactly."""
    arguments = _parse(argv)
    images = read_images(arguments.source, arguments.data_dir, arguments.n)
    arguments.out.mkdir(parents=True, exist_ok=True)
    model = arguments.model or str(export(arguments.workdir, arguments.out / "model.safetensors"))
    start_s = time.perf_counter()
    write_files(images, model, arguments.preset, arguments.out, "none" if arguments.latent_only else "raw")
    encode_s = time.perf_counter() - start_s
    n_exact, decode_s = decode_and_compare(images, model, arguments.out)
    bits = [8 * (arguments.out / f"{file_name(i)}.rec").stat().st_size for i in range(len(images))]
    rate_bpd = ratio(bits, [image.size for image in images])
    print(f"{n_exact} exact of {len(images)}; {rate_bpd.text(4)} bits/dim over all files, {arguments.out}/*.rec")
    print(f"encoded in {encode_s:.1f} s, decoded in {decode_s:.1f} s, compiling and loading included")
    return int(n_exact < len(images))


def read_images(source_name: str, data_dir: str, n_images: int | None) -> list[np.ndarray]:
    """The first n_images (None: all) of 'cifar10' or 'kodak_crops', uint8 [H, W, 3]."""
    kodak = dict(name="kodak", split_test="test", data_dir=data_dir, patch_test=64)
    if source_name == "cifar10":
        options = dict(kind="tfds", name="cifar10", data_dir=data_dir)
    elif data_dir and any(Path(data_dir).glob("*.png")):
        options = kodak | dict(kind="folder", split_test=".")
    else:
        options = kodak | dict(kind="tfds")
    source = make_source(options, "test")
    n_images = len(source) if n_images is None else n_images
    if n_images > len(source):
        raise ConfigError(f"--n={n_images}: {source.name} has {len(source)} images")
    return [source[i] for i in range(n_images)]


def export(workdir: Path, path: Path) -> Path:
    """The averaged weights of a training run as a model file, without what launch.py's export learns for the coder."""
    from rec_jax.codec.learned import configured_coder
    from rec_jax.codec.model_file import write_model_file
    from rec_jax.codec.package import package_of_params
    from rec_jax.models import make_model
    from rec_jax.train.checkpoint import restore_params
    from rec_jax.train.saved_config import read_config

    config = read_config(workdir)
    with config.unlocked():
        config.data.data_dir = ""  # a path of this machine is nothing that a model should carry
    coder, _ = configured_coder(config.coder)
    package = package_of_params(make_model(config.model), restore_params(workdir), coder)
    write_model_file(path, package.stored, config.to_dict())
    return path


def write_files(images: list[np.ndarray], model: str, preset: str, out: Path, fallback: str = "raw") -> None:
    """OUT/00000.rec, ... in the order of the images, encoded in batches; other files in OUT stay.

    fallback: LosslessCodec's.
    """
    from rec_jax.core.compilation import enable_compilation_cache

    enable_compilation_cache()
    codec = dataclasses.replace(open_package(model).codec(preset), fallback=fallback)
    n_stored = 0
    for first in range(0, len(images), BATCH_SIZE):
        for i, encoded in enumerate(codec.encode(images[first : first + BATCH_SIZE]), first):
            write_bytes_atomic(out / f"{file_name(i)}.rec", encoded.blob)
            n_stored += encoded.kind == EMBEDDED
        print(f"written {min(first + BATCH_SIZE, len(images))} of {len(images)}", flush=True)
    if n_stored:
        print(f"{n_stored} files are stored pixels: the model would have made them larger")


def file_name(number: int) -> str:
    """Of an image's file, without .rec."""
    return f"{number:05d}"


def decode_and_compare(images: list[np.ndarray], model: str, out: Path) -> tuple[int, float]:
    """(how many of the images' files a new process decoded to them, seconds)."""
    start_s, n_exact, names = time.perf_counter(), 0, [file_name(i) for i in range(len(images))]
    for n_decoded, decoded in enumerate(decode_in_new_process(out, names, model), 1):
        exact = is_exact(out, decoded.name, images[int(decoded.name)])
        n_exact += exact
        if not exact:
            print(f"{out / decoded.name}.rec: {decoded.error or 'decoded to other pixels'}", file=sys.stderr)
        if n_decoded % 20 == 0 or n_decoded == len(images):
            print(f"decoded {n_decoded} of {len(images)}, {n_exact} exact", flush=True)
    return n_exact, time.perf_counter() - start_s


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write, decode in a new process, compare.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--model", help="name of a shipped model, or path")
    which.add_argument("--workdir", type=Path, help="a training run, whose averaged weights are used")
    parser.add_argument("--preset", default="default")
    parser.add_argument("--latent_only", action="store_true", help="never stored pixels, even where they are smaller")
    parser.add_argument("--source", choices=("cifar10", "kodak_crops"), default="cifar10")
    parser.add_argument("--data_dir", default="", help="TFDS root, or a folder of PNGs for kodak_crops")
    parser.add_argument("--n", type=at_least(1), help="how many images; default: all")
    parser.add_argument("--out", type=Path, default=Path("runs/round_trip"))
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

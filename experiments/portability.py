"""Files that were written once, decoded everywhere this machine can pretend to be; a table of what happened.

python -m experiments.portability [--data_dir=DIR --kodak_dir=FOLDER] [--quick] [--python=PYTHON ...] [--out=FOLDER]

Writes 200 CIFAR10 test images (DIR, a TFDS folder) and the 24 centre crops of 128x128 of Kodak (FOLDER), these without
and with loss, or a few embedded photographs, and decodes them in new processes: by numpy under restricted instruction
sets, OpenBLAS kernels, threads and batches; by jax under restricted instruction sets, settings and batches; by every
other PYTHON given, as one with the oldest supported jax; a lossy file by numpy in all of them. A file counts as decoded
if its pixels have the digest of those that went in, or that its encoder saw.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from experiments.numpy_features import optional_features
from experiments.program import at_least, check_folders, ends_in_a_line
from rec_jax.codec.presets import PRESETS

_ROOT = Path(__file__).parents[1]
_EXPECTED = "expected.json"
_XLA_SETS = ("SSE4_2", "AVX", "AVX2", "AVX512")
_BLAS_KERNELS = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen")


class Place(NamedTuple):
    """Where files are decoded."""

    name: str
    environment: Mapping[str, str] = MappingProxyType({})
    device: str = ""  # of jax; "": numpy alone
    batch_size: int = 16
    python: str = sys.executable


def places(pythons: Sequence[str] = (), quick: bool = False) -> list[Place]:
    """All that a machine may try; --quick: one of each kind."""
    without = {"NPY_DISABLE_CPU_FEATURES": " ".join(optional_features())}
    numpy_places = [
        Place("numpy"),
        Place("numpy without optional CPU features", without),
        *(Place(f"numpy, OpenBLAS kernel {kernel}", {"OPENBLAS_CORETYPE": kernel}) for kernel in _BLAS_KERNELS),
        *(Place(f"numpy, {n} threads", {"OPENBLAS_NUM_THREADS": n, "OMP_NUM_THREADS": n}) for n in "12"),
        *(Place(f"numpy, batches of {n}", batch_size=n) for n in (1, 7)),
    ]
    jax_places = [
        *(
            Place(f"jax, --xla_cpu_max_isa={isa}", {"XLA_FLAGS": f"--xla_cpu_max_isa={isa}"}, "cpu")
            for isa in _XLA_SETS
        ),
        Place("jax, one thread", {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false"}, "cpu"),
        *(Place(f"jax, batches of {n}", {}, "cpu", n) for n in (1, 7, 16)),
        Place("jax, JAX_ENABLE_X64=1", {"JAX_ENABLE_X64": "1"}, "cpu"),
        Place("jax, JAX_THREEFRY_PARTITIONABLE=0", {"JAX_THREEFRY_PARTITIONABLE": "0"}, "cpu"),
        Place("jax, JAX_NUMPY_DTYPE_PROMOTION=strict", {"JAX_NUMPY_DTYPE_PROMOTION": "strict"}, "cpu"),
        Place("jax on a GPU", {}, "gpu"),
    ]
    if quick:
        numpy_places, jax_places = numpy_places[1:4], [jax_places[0], jax_places[8]]
    others = [
        Place(f"{python}, {how}", {}, how if how == "cpu" else "", python=python)
        for python in pythons
        for how in ("numpy", "cpu")
    ]
    return numpy_places + jax_places + others


def write_files(folder: Path, named_images: Sequence[tuple[str, str, np.ndarray]], preset: str) -> None:
    """FOLDER/NAME.rec of (name, model, image), and the digests of their pixels; what is there already is kept."""
    from rec_jax.codec import load_codec
    from rec_jax.core.files import write_bytes_atomic

    folder.mkdir(parents=True, exist_ok=True)
    expected = {}
    for model in dict.fromkeys(model for _, model, _ in named_images):
        codec = load_codec(model, preset)
        mine = [(name, image) for name, used, image in named_images if used == model]
        missing = [(name, image) for name, image in mine if not (folder / f"{name}.rec").exists()]
        codec = codec.without_fallback()
        for first in range(0, len(missing), 16):
            batch = missing[first : first + 16]
            for (name, _), encoded in zip(batch, codec.encode([image for _, image in batch]), strict=True):
                write_bytes_atomic(folder / f"{name}.rec", encoded.blob)
            print(f"{model}: {first + len(batch)} of {len(missing)} files written", file=sys.stderr)
        for name, image in mine:  # a lossy file says itself what its encoder saw
            comes_out = image if codec.exact else codec.decompress((folder / f"{name}.rec").read_bytes())
            expected[name] = digest(comes_out)
    (folder / _EXPECTED).write_text(json.dumps(expected))


def digest(image: np.ndarray) -> str:
    """Of shape, type and pixels."""
    return hashlib.sha256(
        f"{image.shape} {image.dtype.str}".encode() + np.ascontiguousarray(image).tobytes()
    ).hexdigest()


def decode_at(place: Place, folder: Path) -> dict:
    """What a new process says of decoding all files of a folder: {"files", "failures", "versions"} or {"not_run"}."""
    words = [place.python, "-m", "experiments.portability", "--child", str(folder.absolute())]
    words += ["--batch_size", str(place.batch_size), "--device", place.device]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("JAX_", "XLA_"))}
    done = subprocess.run(
        words,
        cwd=_ROOT,
        env=environment | {"PYTHONPATH": str(_ROOT)} | place.environment,
        capture_output=True,
        text=True,
    )
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (ValueError, IndexError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        return {"not_run": last[:160]} if "is not there" in last else {"files": 0, "failures": [last[:300]]}


def decode_here(folder: Path, device: str, batch_size: int) -> dict:
    """Decodes every file of a folder in this process."""
    from rec_jax.codec import codec_of, container

    expected = json.loads((folder / _EXPECTED).read_text())
    blobs = {name: (folder / f"{name}.rec").read_bytes() for name in expected}
    headers = {name: container.unpack(blob)[0] for name, blob in blobs.items()}
    failures = []
    for method, model_id in {(h.method, h.model_id) for h in headers.values()}:
        names = [name for name, h in headers.items() if (h.method, h.model_id) == (method, model_id)]
        codec = codec_of(headers[names[0]])
        codec = codec.on_device(device or None) if codec.exact else codec
        images = codec.decompress_many([blobs[name] for name in names], batch_size)
        failures += [name for name, image in zip(names, images, strict=True) if digest(image) != expected[name]]
    if bool(device) != ("jax" in sys.modules):
        raise RuntimeError(f"jax was imported or not, against --device={device!r}")
    versions = {name: sys.modules[name].__version__ for name in ("numpy", "jax") if name in sys.modules}
    return {"files": len(expected), "failures": failures, "versions": versions}


def _images(arguments: argparse.Namespace) -> list[tuple[str, str, np.ndarray]]:
    from experiments.portability_images import cifar10, embedded, kodak_crops

    if not (arguments.data_dir or arguments.kodak_dir):
        return embedded(2 if arguments.quick else 8)
    n = 8 if arguments.quick else arguments.n
    return [
        *(cifar10(arguments.data_dir, n) if arguments.data_dir else ()),
        *(kodak_crops(arguments.kodak_dir, 2 if arguments.quick else 24) if arguments.kodak_dir else ()),
    ]


@ends_in_a_line("portability")
def main(argv: Sequence[str] | None = None) -> int:
    """Writes, decodes and prints the table; exit code 1 if any file failed anywhere."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data_dir", help="TFDS folder with CIFAR10")
    parser.add_argument("--kodak_dir", help="folder with Kodak's PNGs")
    parser.add_argument("--n", type=at_least(1), default=200, help="images of CIFAR10 (default: 200)")
    parser.add_argument("--preset", choices=PRESETS, default="fast")
    parser.add_argument("--python", action="append", default=[], help="another interpreter with the requirements")
    parser.add_argument("--quick", action="store_true", help="a few files, one place of each kind")
    parser.add_argument("--out", type=Path, default=Path("runs/portability"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--device", default="", help=argparse.SUPPRESS)
    parser.add_argument("--batch_size", type=int, default=16, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.child:
        print(json.dumps(decode_here(arguments.child, arguments.device, arguments.batch_size)))
        return 0
    check_folders(arguments.data_dir, arguments.kodak_dir)
    write_files(arguments.out, _images(arguments), arguments.preset)
    rows, failed = [], False
    for place in places(arguments.python, arguments.quick):
        found = decode_at(place, arguments.out)
        failed |= bool(found.get("failures"))
        rows.append({"place": place.name, **found})
        (arguments.out / "portability.json").write_text(json.dumps(rows, indent=1))
        print(_line(place, found), flush=True)
    return int(failed)


def _line(place: Place, found: dict) -> str:
    if "not_run" in found:
        return f"| {place.name} | not run | {found['not_run']} |"
    exact = found["files"] - len(found["failures"])
    note = ", ".join(f"{k} {v}" for k, v in found.get("versions", {}).items())
    return f"| {place.name} | {exact} of {found['files']} exact | {note or found['failures'][0]} |"


if __name__ == "__main__":
    sys.exit(main())

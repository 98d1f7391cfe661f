"""`rec-jax compress` of many files: its speed, what a kill leaves, and the memory of many calls.

python -m experiments.bulk --data_dir=DIR --n=1000 --kills=10 --memory_s=180

speed: the first N test images of TFDS's cifar10 as PNGs, by one command, and ten of them by a process each; then back
by one command, compared pixel by pixel.  kills: the same command, killed at random moments and restarted until it ends:
every file must decode to its picture, and none be written twice.  memory: of this process, before and after it has
compressed pictures of 8x8 for so many seconds. Exit code 0 only if everything is as it should be.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import rec_jax
from experiments.program import at_least, ends_in_a_line
from rec_jax.codec.image_io import read_image, write_png
from rec_jax.core.estimates import mean
from rec_jax.data import make_source

_N_ALONE = 10  # pictures that get a process each; more take long and say the same
_WARM_CALLS = 300
_START_S = 1.5  # about what a command takes to write its first file


@ends_in_a_line("bulk")
def main(argv: list[str] | None = None) -> int:
    """Runs what has a number above 0; exit code 1 if a file is not what it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", required=True, help="TFDS folder with cifar10")
    parser.add_argument("--n", type=at_least(1), default=1000, help="pictures")
    parser.add_argument("--kills", type=at_least(0), default=10)
    parser.add_argument("--memory_s", type=float, default=180.0)
    parser.add_argument("--jobs", type=at_least(0), default=0, help="0: the command's default")
    arguments = parser.parse_args(argv)
    jobs = ["--jobs", str(arguments.jobs)] if arguments.jobs else []
    source = make_source(dict(kind="tfds", name="cifar10", data_dir=arguments.data_dir), "test")
    with tempfile.TemporaryDirectory() as folder:
        images = write_pictures(source, arguments.n, Path(folder) / "in")
        good, whole_s = measure_speed(images, Path(folder), jobs)
        good = measure_kills(images, Path(folder), jobs, arguments.kills, whole_s) and good
    if arguments.memory_s:
        measure_memory(arguments.memory_s)
    return int(not good)


def write_pictures(source, n: int, folder: Path) -> dict[str, np.ndarray]:
    """n PNGs; name without suffix to pixels."""
    folder.mkdir()
    images = {f"{i:05}": np.asarray(source[i]) for i in range(n)}
    for name, image in images.items():
        write_png(folder / f"{name}.png", image)
    return images


def measure_speed(images: dict[str, np.ndarray], folder: Path, jobs: list[str]) -> tuple[bool, float]:
    """Prints seconds a picture; whether all came back, and the seconds of all by one command."""
    n, some = len(images), list(images)[:_N_ALONE]
    alone = [_timed([["compress", f"in/{name}.png", f"{name}.rec"]], folder) for name in some]
    whole_s, whole_cpu_s = _timed([["compress", "in", "-o", "out", *jobs]], folder)
    back_s, back_cpu_s = _timed([["decompress", "out", "-o", "back", *jobs]], folder)
    alone_s, alone_cpu_s = (mean(seconds) for seconds in zip(*alone, strict=True))
    same = all((folder / f"{name}.rec").read_bytes() == (folder / f"out/{name}.rec").read_bytes() for name in some)
    exact = all(np.array_equal(read_image(folder / f"back/{name}.png"), image) for name, image in images.items())
    words = f"{alone_s.text(3)} s a picture ({alone_cpu_s.text(3)} s of processor)"
    print(f"one process each: {words}, the first {len(some)}; ±: one standard error")
    print(f"one command: {whole_s:.1f} s for {n}, {whole_s / n:.4f} s a picture ({whole_cpu_s / n:.4f} s of processor)")
    ratios = alone_s.text(1, n / whole_s), alone_cpu_s.text(1, n / whole_cpu_s)
    print(f"ratio: {ratios[0]} in time, {ratios[1]} in processor time")
    print(f"back: {back_s:.1f} s, {back_s / n:.4f} s a picture ({back_cpu_s / n:.4f} s of processor)")
    print(f"all exact: {exact}; the files of single processes are the same: {same}")
    return exact and same, whole_s


def measure_kills(images: dict[str, np.ndarray], folder: Path, jobs: list[str], n_kills: int, whole_s: float) -> bool:
    """Prints how far each run came; whether the files are whole and none was written twice.

    whole_s: what a run takes that nobody kills. The moments are such that all kills together fit into one.
    """
    words, out, moments = ["compress", "in", "-o", "killed", *jobs], folder / "killed", random.Random(0)
    first_seen: dict[str, tuple[int, int]] = {}
    twice, counts = set(), []
    for _ in range(n_kills):
        with subprocess.Popen(_command(words), cwd=folder, stderr=subprocess.DEVNULL) as process:
            try:
                process.wait(moments.uniform(0.2, _START_S + whole_s / (n_kills + 1)))
                break  # all was done before it could be killed
            except subprocess.TimeoutExpired:
                process.kill()
        time.sleep(0.5)  # the processes that it has started see it
        twice |= _changed(out, first_seen)
        counts.append(len(first_seen))
    subprocess.run(_command(words), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    twice |= _changed(out, first_seen)
    found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*"))
    decoded = rec_jax.load("cifar10").decompress_many([(out / name).read_bytes() for name in found])
    whole = found == [f"{name}.rec" for name in images] and all(map(np.array_equal, decoded, images.values()))
    kills = f"{len(counts)} of {n_kills} times on its way"
    print(f"killed {kills}, at {counts} files of {len(images)}; all whole: {whole}; twice: {len(twice)}")
    return whole and not twice


def measure_memory(seconds: float) -> None:
    """Prints the memory of this process around many calls."""
    codec, rng, n = rec_jax.load("cifar10"), np.random.default_rng(0), 0
    start_s, before = time.perf_counter(), 0
    while time.perf_counter() - start_s < seconds or n <= _WARM_CALLS:
        if n == _WARM_CALLS:
            before = _resident_bytes()
        codec.compress(rng.integers(0, 256, (8, 8, 3), np.uint8))
        n += 1
    print(f"memory: {before / 2**20:.1f} MiB after {_WARM_CALLS} calls, {_resident_bytes() / 2**20:.1f} after {n}")


def _changed(folder: Path, first_seen: dict[str, tuple[int, int]]) -> set[str]:
    """Files that are not what they were when they were first seen."""
    changed = set()
    for path in folder.glob("*"):
        status = path.stat()
        identity = (status.st_ino, status.st_mtime_ns)
        if first_seen.setdefault(path.name, identity) != identity:
            changed.add(path.name)
    return changed


def _timed(commands: list[list[str]], folder: Path) -> tuple[float, float]:
    """(seconds, seconds of processor) of commands one after the other."""
    start_s, start_cpu_s = time.perf_counter(), _children_s()
    for words in commands:
        subprocess.run(_command(words), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start_s, _children_s() - start_cpu_s


def _command(words: list[str]) -> list[str]:
    return [sys.executable, "-m", "rec_jax", *words]


def _children_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    sys.exit(main())

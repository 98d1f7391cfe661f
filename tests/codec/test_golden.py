"""Files from the past and from other processes: they decode, or are refused by name; never other pixels.

REGENERATE_GOLDEN=1 rewrites golden.json after a wanted change of the format.
"""

import dataclasses
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_codec import digest, smooth_image

from rec_jax.codec import container

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.json"
IMAGE = smooth_image(24, 32)


def vector_units() -> str:
    """What XLA's code for this machine may differ by: float results are promised for one kind of device."""
    try:
        flags = Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    except (OSError, IndexError):
        flags = []
    return " ".join([platform.machine(), *sorted(f for f in flags if f.startswith(("avx", "fma", "amx")))])


def without_floats(codec):
    """The codec with a last layer that puts out its offsets alone: what it decodes rests on integers and tables."""
    params = dict(codec.params, up_sample=[dict(p, g=np.zeros_like(p["g"])) for p in codec.params["up_sample"]])
    return dataclasses.replace(codec, params=params)


@pytest.fixture(scope="module")
def golden(tiny):
    if os.environ.get("REGENERATE_GOLDEN"):
        files = {"floats": tiny.compress(IMAGE).hex(), "integers": without_floats(tiny).compress(IMAGE).hex()}
        GOLDEN.write_text(json.dumps({"vector_units": vector_units(), **files}, indent=1) + "\n")
    return json.loads(GOLDEN.read_text())


def same_floats(golden) -> bool:
    header, _ = container.unpack(bytes.fromhex(golden["floats"]))
    return header.runtime == container.current_runtime() and golden["vector_units"] == vector_units()


def test_the_golden_file_has_latents_and_names_its_writer(golden):
    for name in ("floats", "integers"):
        header, _ = container.unpack(bytes.fromhex(golden[name]))
        assert (header.mode, header.shape) == (container.LATENT, IMAGE.shape)
        assert container.runtime_name(header.runtime).startswith("jax 0.")


def test_the_golden_file_without_floats_decodes_everywhere(tiny, golden):
    np.testing.assert_array_equal(without_floats(tiny).decompress(bytes.fromhex(golden["integers"])), IMAGE)


def test_the_golden_image_is_what_it_was(golden):
    header, _ = container.unpack(bytes.fromhex(golden["floats"]))
    assert header.pixel_crc32 == container.pixel_crc32(IMAGE)


def decode_elsewhere(folder, files, n_threads):
    """Lines that tiny_codec.py prints for files, in a new process that may use so many processors."""
    paths = []
    for number, blob in enumerate(files):
        paths.append(folder / f"{n_threads}-{number}.rec")
        paths[-1].write_bytes(blob)

    program = (
        "import sys, os; os.sched_setaffinity(0, eval(sys.argv[1])); import tiny_codec; tiny_codec.main(sys.argv[2:])"
    )
    processors = str(sorted(os.sched_getaffinity(0))[:n_threads])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
    result = subprocess.run(
        [sys.executable, "-c", program, processors, *map(str, paths)],
        env=environment, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    return result.stdout.split()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict a process")
@pytest.mark.parametrize("n_threads", [1, 2])
def test_files_of_a_batch_and_the_golden_file_decode_in_a_new_process(tiny, golden, tmp_path, n_threads):
    """Replay: whatever batch the encoder worked in, one image in a process of its own has the same floats."""
    images = [smooth_image(32, 32, seed) for seed in range(5)] + [smooth_image(33, 65)]
    files = [e.blob for e in tiny.encode(images)]
    assert all(container.unpack(blob)[0].mode == container.LATENT for blob in files)
    *decoded, old = decode_elsewhere(tmp_path, [*files, bytes.fromhex(golden["floats"])], n_threads)
    assert decoded == [digest(image) for image in images]
    allowed = {digest(IMAGE)} if same_floats(golden) else {digest(IMAGE), "BitstreamMismatch"}
    assert old in allowed


def test_the_golden_file_decodes_here(tiny, golden):
    blob = bytes.fromhex(golden["floats"])
    if same_floats(golden):
        np.testing.assert_array_equal(tiny.decompress(blob), IMAGE)
        return
    try:
        np.testing.assert_array_equal(tiny.decompress(blob), IMAGE)
    except container.BitstreamMismatch as error:
        header, _ = container.unpack(blob)
        assert container.runtime_name(header.runtime) in str(error)

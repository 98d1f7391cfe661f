"""Damaged and forged files: the exact pixels or one clear error, in bounded time and memory; REC_FUZZ=1 for many more.

Most mutants get a correct check, so that they pass the container and reach the decoder.
"""

import base64
import dataclasses
import json
import resource
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_codec import MODEL_ID, smooth_image

from rec_jax.codec import codec_of, container, decode
from rec_jax.codec.container import EMBEDDED, LOSSLESS, Header
from rec_jax.codec.embedded import pack_embedded
from rec_jax.codec.presets import CUSTOM_PRESET
from rec_jax.core.errors import CorruptFile, RecError
from tests.fuzzing import TIMES, n_examples

GOLDEN = Path(__file__).with_name("golden.json")
CPU_S = 10.0  # that one file may take, of the processor's time; the slowest takes a tenth
MEMORY_MIB = 512  # by which the process may grow in all files together
HEADER = range(2, 14)  # bytes of the header behind the magic


def with_check(blob: bytes) -> bytes:
    """The same bytes with the CRC-16 that they should have."""
    return blob[:3] + container._check(blob).to_bytes(2, "little") + blob[5:]


@st.composite
def mutations(draw):
    """A recipe: what to do to a file of any length, and whether to make its check right again."""
    kinds = ["flip", "overwrite", "truncate", "append", "header", "stream", "zeros", "repeat"]
    steps = [
        (draw(st.sampled_from(kinds)), draw(st.integers(0, 2**16)), draw(st.binary(min_size=1, max_size=6)))
        for _ in range(draw(st.integers(1, 3)))
    ]
    return steps, draw(st.integers(0, 9)) < 9


def mutate(blob: bytes, recipe) -> bytes:
    steps, fix = recipe
    data = bytearray(blob)
    for kind, position, new in steps:
        at = position % max(1, len(data))
        match kind:
            case "flip" if data:
                data[at] ^= 1 << new[0] % 8
            case "overwrite":
                data[at : at + len(new)] = new
            case "truncate":
                del data[at:]
            case "append":
                data += new * (1 + position % 40)
            case "header":
                at = HEADER[position % len(HEADER)]
                data[at : at + 1] = new[:1]
            case "stream":
                data[14 + position % max(1, len(data) - 14) :] = new * (1 + position % 100)
            case "zeros":
                data[at:] = bytes(len(data) - at)
            case "repeat":
                data = data + data[14:]
    return with_check(bytes(data)) if fix and len(data) >= 5 else bytes(data)


def check_mutant(codec, blob, image, mutant):
    """Exact pixels or a RecError of one line, in time."""
    start_s = time.process_time()
    try:
        decoded = codec.decompress(mutant)
    except RecError as error:
        assert "\n" not in str(error) and len(str(error)) < 300
    else:
        np.testing.assert_array_equal(decoded, image, err_msg=mutant.hex())
    assert time.process_time() - start_s < CPU_S, mutant.hex()


@pytest.fixture(scope="module")
def files(tiny):
    """(file, image): a small tile in colour, in grey and of 16 bits, a large tile, and embedded pictures."""
    images = [smooth_image(12, 12), smooth_image(24, 16)[..., 0], smooth_image(8, 9, depth=16), smooth_image(33, 5)]
    blobs = [e.blob for e in dataclasses.replace(tiny, fallback="none").encode(images)]
    assert all(container.unpack(blob)[0].kind == LOSSLESS for blob in blobs)
    flat, noise = np.full((9, 9, 3), 7, np.uint8), np.random.default_rng(0).integers(0, 256, (6, 5), np.uint8)
    blobs += [pack_embedded(flat), pack_embedded(noise)]
    return list(zip(blobs, [*images, flat, noise], strict=True))


@settings(max_examples=n_examples(150))
@given(st.integers(0, 5), mutations())
def test_mutated_files_never_give_other_pixels(tiny, files, which, recipe):
    blob, image = files[which]
    check_mutant(tiny, blob, image, mutate(blob, recipe))


def test_most_mutants_reach_the_decoder(tiny, files, monkeypatch):
    """Else the fuzzing above would test the container alone."""
    reached = []

    def decode(self, header, payload, progress):
        reached.append(header)
        return np.zeros(header.shape, header.dtype)

    monkeypatch.setattr(type(tiny), "_decode", decode)
    rng = np.random.default_rng(0)
    kinds = ["flip", "overwrite", "append", "stream", "zeros"]
    for _ in range(100):
        recipe = [(str(rng.choice(kinds)), int(rng.integers(2**16)), rng.bytes(3))], True
        try:
            tiny.decompress(mutate(files[0][0], recipe))
        except RecError:
            continue
    assert len(reached) > 50


def test_memory_stays_bounded_over_many_mutants(tiny, files):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = np.random.default_rng(1)
    for _ in range(30 * TIMES):
        data = bytearray(files[3][0])
        data[14:] = rng.bytes(rng.integers(0, 3000))
        check_mutant(tiny, None, files[3][1], with_check(bytes(data)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1024 * MEMORY_MIB


STREAMS = {
    "zeros": bytes(2**16),
    "ones": b"\xff" * 2**16,
    "noise": np.random.default_rng(2).bytes(2**16),
}


@pytest.mark.parametrize(
    ("shape", "stream"),
    [((2**14, 2**14), "noise"), ((2**14, 2**14), "ones"), ((1, 2**28), "noise"), ((2**28, 1), "zeros")],
)
def test_a_forged_header_of_a_huge_picture_ends_with_its_stream(tiny, files, shape, stream):
    """2^28 pixels in 64 KiB pass the container; the decoder stops when the stream is used up."""
    header = Header(*shape, stream == "ones", 8, LOSSLESS, CUSTOM_PRESET << 4, MODEL_ID, 0)
    forged = container.pack(header, STREAMS[stream])
    tracemalloc.start()
    start_s = time.process_time()
    with pytest.raises(CorruptFile, match="ends"):
        tiny.decompress(forged)
    assert time.process_time() - start_s < 60.0
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("method", range(4))
def test_a_forged_embedded_file_of_a_huge_picture_takes_no_memory(method):
    """Its shape is free to claim 2^28 pixels: what is made is what the payload holds."""
    header = Header(2**14, 2**14, False, 8, EMBEDDED, method, 0, 0)
    forged = container.pack(header, STREAMS["noise"])
    tracemalloc.start()
    with pytest.raises(CorruptFile):
        decode(forged)
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


@pytest.fixture(scope="module", params=["cifar10-rvae/fast", "photos-two-level/fast"])
def shipped(request):
    """(codec, golden file, its image) of a shipped model: a lossless and a lossy one."""
    blob = base64.b64decode(json.loads(GOLDEN.read_text())[request.param]["file"])
    codec = codec_of(container.unpack(blob)[0])
    return codec, blob, codec.decompress(blob)


def test_mutated_files_of_a_shipped_model(shipped):
    """Damage in the stream alone; the tiny codec's files have it everywhere."""
    codec, blob, image = shipped
    rng = np.random.default_rng(3)
    start = len(container.pack(container.unpack(blob)[0], b""))
    for _ in range(20 * TIMES):
        data = bytearray(blob)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(start, len(data))] ^= 1 << rng.integers(8)
        if rng.random() < 0.3:
            del data[rng.integers(start, len(data)) :]
        mutant = with_check(bytes(data))
        check_mutant(codec, blob, image, mutant)


def test_a_shipped_model_refuses_a_forged_size(shipped):
    codec, blob, _ = shipped
    header, payload = container.unpack(blob)
    forged = dataclasses.replace(header, height=2**14, width=2**14)
    with pytest.raises(CorruptFile, match="ends"):
        codec.decompress(container.pack(forged, payload[:1] + STREAMS["noise"]))  # a lossy file's quality is its first

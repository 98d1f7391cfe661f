"""Damaged and forged files: the exact pixels or one clear error, in bounded time and memory.

Most mutants get a correct check, so that they pass the container and reach the decoder.
"""

import dataclasses
import resource
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_codec import MODEL_ID, smooth_image

from rec_jax.codec import container, load_codec, shipped_models
from rec_jax.codec.container import CUSTOM_PRESET, LATENT, Header
from rec_jax.core.errors import CorruptFile, RecError

CPU_S = 10.0  # that one file may take, of the processor's time; the slowest takes a tenth
MEMORY_MIB = 512  # by which the process may grow in all files together
HEADER = range(2, 18)  # bytes of the header behind the magic


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
                data[18 + position % max(1, len(data) - 18) :] = new * (1 + position % 100)
            case "zeros":
                data[at:] = bytes(len(data) - at)
            case "repeat":
                data = data + data[18:]
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
    """(file, image): a small tile in colour and in grey, a large tile, and a split one; all functions compiled."""
    images = [smooth_image(12, 12), smooth_image(24, 16)[..., 0], smooth_image(33, 5)]
    blobs = [e.blob for e in tiny.encode(images)]
    assert all(container.unpack(blob)[0].mode == LATENT for blob in blobs)
    for split in (0, 5):  # compile what a mutant may ask for
        for height in (8, 33):
            header = Header(height, 1, False, LATENT, 0, CUSTOM_PRESET, split, MODEL_ID)
            with pytest.raises(RecError):
                tiny.decompress(container.pack(header, bytes(range(1, 250)) * 40))
    return list(zip(blobs, images, strict=True))


@settings(max_examples=2000)
@given(st.sampled_from((0, 0, 1, 1, 2)), mutations())
def test_mutated_files_never_give_other_pixels(tiny, files, which, recipe):
    blob, image = files[which]
    check_mutant(tiny, blob, image, mutate(blob, recipe))


def test_most_mutants_reach_the_decoder(tiny, files, monkeypatch):
    """Else the fuzzing above would test the container alone."""
    reached = []
    monkeypatch.setattr(type(tiny), "_check_ours", lambda self, header: reached.append(header))
    monkeypatch.setattr(type(tiny), "_read_pixels", lambda self, header, reader: np.zeros(header.shape, np.uint8))
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
    for _ in range(50):
        data = bytearray(files[2][0])
        data[18:] = rng.bytes(rng.integers(0, 3000))
        check_mutant(tiny, None, files[2][1], with_check(bytes(data)))
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
    header = Header(*shape, stream == "ones", LATENT, 0, CUSTOM_PRESET, 0, MODEL_ID, container.current_runtime())
    forged = container.pack(header, STREAMS[stream])
    tracemalloc.start()
    start_s = time.process_time()
    with pytest.raises(CorruptFile, match="ends"):
        tiny.decompress(forged)
    assert time.process_time() - start_s < 60.0
    assert tracemalloc.get_traced_memory()[1] < 100 * 2**20
    tracemalloc.stop()


def test_a_forged_file_of_another_runtime_is_refused_as_quickly(tiny, files):
    header = Header(2**14, 2**14, False, LATENT, 0, CUSTOM_PRESET, 0, MODEL_ID, 0)
    with pytest.raises(RecError):
        tiny.decompress(container.pack(header, STREAMS["noise"]))


@pytest.fixture(scope="module")
def shipped():
    """(codec, file, image) of the first shipped model, or a skip."""
    if not shipped_models():
        pytest.skip("no model is shipped")
    codec = load_codec(shipped_models()[0])
    image = smooth_image(32, 32)
    blob = codec.compress(image)
    np.testing.assert_array_equal(codec.decompress(blob), image)
    return codec, blob, image


def test_mutated_files_of_a_shipped_model(shipped):
    """Damage in the stream alone: other sizes and splits would compile more than they test."""
    codec, blob, image = shipped
    rng = np.random.default_rng(3)
    start = len(container.pack(container.unpack(blob)[0], b""))
    for _ in range(100):
        data = bytearray(blob)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(start, len(data))] ^= 1 << rng.integers(8)
        if rng.random() < 0.3:
            del data[rng.integers(start, len(data)) :]
        mutant = with_check(bytes(data))
        check_mutant(codec, blob, image, mutant)


def test_a_shipped_model_refuses_a_forged_size(shipped):
    codec, blob, _ = shipped
    header, _ = container.unpack(blob)
    forged = dataclasses.replace(header, height=2**14, width=2**14)
    with pytest.raises(CorruptFile, match="ends"):
        codec.decompress(container.pack(forged, STREAMS["noise"]))

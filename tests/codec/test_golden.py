"""Files from the past, of every shipped model and preset: they decode to the pixels that went in, on every machine.

REGENERATE_GOLDEN=1 rewrites golden.json after a wanted change of the format or of a model.
"""

import base64
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_codec import CODER, digest, smooth_image, tiny_codec

from rec_jax.codec import container, decode, load_codec, open_package, shipped_models
from rec_jax.codec.chain_codecs import chain_codec
from rec_jax.codec.container import EMBEDDED, LOSSLESS, LOSSY
from rec_jax.codec.fallback import LZMA, PNG, RAW, WEBP
from rec_jax.codec.lossy import COUNTS_APART, COUNTS_IN_ORDER
from rec_jax.codec.presets import PRESETS, preset_coder, preset_number
from rec_jax.codec.whole import METHOD
from rec_jax.coders import make_layer_coder
from rec_jax.models.base import ContinuousFlow

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.json"
IMAGE = smooth_image(24, 32)
TINY = {
    "tiny/colour": IMAGE,
    "tiny/grey 16": smooth_image(9, 14, depth=16)[..., 1].copy(),
    "tiny/18 tiles": smooth_image(3, 17 * 64 + 5),
}
BEAM = dict(kind="beam_search", omega=5.0, epsilon=0.2, n_beams=4, block_size=100)
PACKAGES = {name: open_package(name) for name in shipped_models()}
CHAINED = [name for name, package in PACKAGES.items() if chain_codec(package)]  # they code chains, no files
CHAINS = [name for name in CHAINED if not isinstance(PACKAGES[name].model, ContinuousFlow)]  # whose laws are integers
MODELS = {name: package.model for name, package in PACKAGES.items() if name not in CHAINED}
LATENT = [name for name, model in MODELS.items() if model.groups and hasattr(model, "posterior")]
SHIPPED = [f"{model}/{preset}" for model in LATENT for preset in PRESETS]
# Of lossy files from before their counts went by those of the call before (codec/lossy.py), and from before a block's
# steps shared a sequence; nothing writes them anew.
FORMER = {f"photos-lossy-80k/{preset}, counts apart": COUNTS_APART for preset in PRESETS} | {
    f"{model}/{preset}, own sequences": COUNTS_IN_ORDER
    for model in ("photos-lossy-80k", "photos-lossy", "photos-two-level-42k")
    for preset in PRESETS
}
OTHERS = [name for name in MODELS if name not in LATENT]  # no relative entropy coder: no presets
NOISE = np.random.Generator(np.random.Philox(0)).integers(0, 256, (5, 7, 3), np.uint8)
CHAIN = np.stack([smooth_image(32, 32, seed) for seed in range(2)])
START = np.random.Generator(np.random.Philox(1)).integers(0, 2**32, 1100, np.uint32)  # words below a chain
EMBEDDED_FILES = {f"embedded {kind}": kind for kind in (RAW, WEBP, PNG, LZMA)}


def embedded(method: int) -> bytes:
    """A file of that classical format, whichever is smallest."""
    from rec_jax.codec import fallback

    pack = {RAW: lambda x: x.tobytes(), WEBP: fallback._pack_webp, PNG: fallback._pack_png, LZMA: fallback._pack_lzma}
    return container.pack(container.image_header(NOISE, EMBEDDED, method), pack[method](NOISE))


def entry(blob: bytes, image: np.ndarray) -> dict[str, str]:
    return {"file": base64.b64encode(blob).decode(), "pixels": digest(image)}


def regenerated() -> dict[str, dict[str, str]]:
    tiny = tiny_codec(fallback="none")
    files = {name: entry(tiny.compress(image), image) for name, image in TINY.items()}
    files["tiny/beam search"] = entry(beam_codec().compress(IMAGE), IMAGE)
    files |= {name: entry(embedded(method), NOISE) for name, method in EMBEDDED_FILES.items()}
    for name in SHIPPED:
        image = smooth_image(12, 20)
        codec = dataclasses.replace(load_codec(*name.split("/")), fallback="none")
        blob = codec.compress(image)
        files[name] = entry(blob, image if codec.exact else codec.decompress(blob))
    for name in OTHERS:
        image = smooth_image(12, 20)
        codec = load_codec(name).without_fallback()
        blob = codec.compress(image)
        files[name] = entry(blob, image if codec.exact else codec.decompress(blob))
    for name in CHAINS:
        files[name] = entry(chain_codec(PACKAGES[name]).encode_chain(CHAIN, START).blob, CHAIN)
    return files


def beam_codec():
    return tiny_codec(fallback="none", **BEAM)


if os.environ.get("REGENERATE_GOLDEN"):
    kept = {name: e for name, e in json.loads(GOLDEN.read_text()).items() if name in FORMER}
    GOLDEN.write_text(json.dumps(regenerated() | kept, indent=1) + "\n")
FILES = {name: (base64.b64decode(e["file"]), e["pixels"]) for name, e in json.loads(GOLDEN.read_text()).items()}


def test_every_model_and_preset_has_a_golden_file():
    assert FILES.keys() == {*TINY, *EMBEDDED_FILES, *SHIPPED, *FORMER, *OTHERS, *CHAINS, "tiny/beam search"}


@pytest.mark.parametrize("name", SHIPPED)
def test_files_of_the_shipped_models_decode_to_their_pixels(name):
    blob, pixels = FILES[name]
    header, _ = container.unpack(blob)
    assert header.kind == (LOSSLESS if load_codec(name.split("/")[0]).exact else LOSSY)
    assert header.method >> 4 == list(PRESETS).index(name.split("/")[1])
    assert digest(decode(blob)) == pixels


@pytest.mark.parametrize("name", FORMER)
def test_lossy_files_of_former_ways_decode_to_their_pixels(name):
    blob, pixels = FILES[name]
    assert container.unpack(blob)[0].method & 15 == FORMER[name]
    assert digest(decode(blob)) == pixels


@pytest.mark.parametrize("name", OTHERS)
def test_files_of_the_shipped_models_without_presets_decode_to_their_pixels(name):
    blob, pixels = FILES[name]
    header, _ = container.unpack(blob)
    exact = load_codec(name).exact
    assert header.kind == (LOSSLESS if exact else LOSSY) and (not exact or header.method == METHOD)
    assert digest(decode(blob)) == pixels


@pytest.mark.parametrize("name", CHAINS)
def test_chains_of_the_shipped_models_decode_to_their_pixels_and_start(name):
    blob, pixels = FILES[name]
    images, start = chain_codec(PACKAGES[name]).decode_chain(blob)
    assert digest(images) == pixels
    np.testing.assert_array_equal(start, START)


@pytest.mark.parametrize("name", [*TINY, "tiny/beam search"])
def test_files_of_other_coders_and_kinds_of_picture_decode_to_their_pixels(tiny, name):
    codec = beam_codec() if name == "tiny/beam search" else tiny
    blob, pixels = FILES[name]
    assert container.unpack(blob)[0].kind == LOSSLESS
    assert digest(codec.decompress(blob)) == pixels


@pytest.mark.parametrize("name", EMBEDDED_FILES)
def test_embedded_files_decode_to_their_pixels(name):
    blob, pixels = FILES[name]
    header, _ = container.unpack(blob)
    assert (header.kind, header.method) == (EMBEDDED, EMBEDDED_FILES[name])
    assert digest(decode(blob)) == pixels


WITHOUT_JAX = """
import sys
sys.modules["jax"] = sys.modules["flax"] = None  # importing them raises
import base64, json
import rec_jax
from rec_jax.codec import decode
from tiny_codec import digest, tiny_codec
files = json.load(sys.stdin)
for name, blob in files.items():
    blob = base64.b64decode(blob)
    print(digest(tiny_codec().decompress(blob) if name.startswith("tiny") else decode(blob)))
try:
    tiny_codec().compress(__import__("numpy").zeros((4, 4, 3), "uint8"))
except ImportError:
    print("no encoder")
"""


def in_a_new_process(program: str, stdin: str) -> list[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
    result = subprocess.run(
        [sys.executable, "-c", program], input=stdin, env=environment, capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_every_kind_of_file_decodes_without_jax():
    names = ["tiny/colour", "tiny/grey 16", "tiny/18 tiles", *EMBEDDED_FILES, "cifar10-rvae/fast", "photos-rvae/irec"]
    files = {name: base64.b64encode(FILES[name][0]).decode() for name in names}
    printed = in_a_new_process(WITHOUT_JAX, json.dumps(files))
    assert printed == [*(FILES[name][1] for name in names), "no encoder"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system cannot restrict a process")
def test_files_of_a_batch_decode_in_a_new_process_on_one_processor(tiny):
    images = [smooth_image(32, 32, seed) for seed in range(5)]
    files = {f"tiny/{i}": base64.b64encode(e.blob).decode() for i, e in enumerate(tiny.encode(images))}
    program = "import os; os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])\n" + WITHOUT_JAX
    assert in_a_new_process(program, json.dumps(files))[:-1] == [digest(image) for image in images]


LEARNED = {"step_counts", "laws"}  # what export teaches a coder, and what only schedule="matched" uses


def test_the_presets_are_what_they_were():
    tree = dict(
        kind="tree", n_candidates=16, n_beams=8192, sequence_length=4096, rate=1.0, spacing=1.5, block_size=65_536,
        max_nats=16_384.0, outliers_in_order=False, one_sequence=False,
    )  # fmt: skip
    irec = dict(
        kind="beam_search", omega=3.0, epsilon=0.2, n_beams=20, block_size=1000, max_nats=2048.0, schedule="power",
        rate=None,
    )  # fmt: skip
    best = tree | dict(n_beams=32_768, sequence_length=16_384)
    assert {"fast": tree | dict(n_beams=512), "default": tree, "best": best, "irec": irec} == {**PRESETS}
    assert list(PRESETS) == ["fast", "default", "best", "irec"]  # the places are in files


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_spells_every_option_of_its_coder(name):
    """So that a changed default cannot change what a file means."""
    coder = preset_coder(name)
    options = {field.name for field in dataclasses.fields(coder)} - LEARNED
    assert options | {"kind"} == set(PRESETS[name])
    assert preset_number(coder) == list(PRESETS).index(name)


def test_a_coder_that_no_preset_names_is_custom():
    assert preset_number(make_layer_coder(CODER)) == 15

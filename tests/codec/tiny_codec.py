"""A codec whose every weight comes from numpy: the same on any machine, small enough to decode thousands of files."""

import dataclasses
import hashlib
from pathlib import Path

import numpy as np

from rec_jax.codec.learned import Learned
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.codec.package import Package, package_of_params
from rec_jax.coders import StepCountModel, make_layer_coder
from rec_jax.core.errors import RecError
from rec_jax.models import make_model
from rec_jax.models.shapes import param_shapes

LEVELS = ((2, 1, 4, 1), (4, 1, 4, 1))
COUNTS = (StepCountModel(2, 200, 160), StepCountModel(3, 210, 160))
WEIGHTS = ((9,), (4,))
CODER = dict(kind="tree", n_beams=16, sequence_length=256, block_size=100, max_nats=60.0)
MODEL_ID = 0x7E57
_SPREAD = {"v": (0.0, 1.0), "g": (0.3, 0.05), "b": (0.0, 0.1), "log_scale": (-3.2, 0.1), "loc": (0.0, 0.03)}


def tiny_params(model) -> dict:
    """Float parameters with weight norms, as training has them."""
    return _fill(param_shapes(model), (), np.random.Generator(np.random.Philox(0)))


def tiny_package(levels=LEVELS, likelihood="colour_mixture", learned=None, **options) -> Package:
    """options: of the coder, instead of CODER's; with a kind, all of them.

    learned: by default COUNTS and WEIGHTS, where the levels are LEVELS.
    """
    model = make_model(dict(kind="resnet_vae", levels=levels, likelihood=likelihood, n_components=2))
    if learned is None:
        learned = Learned(COUNTS, WEIGHTS) if levels == LEVELS else Learned()
    coder = make_layer_coder(options if "kind" in options else CODER | options)
    package = package_of_params(model, tiny_params(model), coder, learned)
    return dataclasses.replace(package, model_id=MODEL_ID)


def tiny_phases(**options) -> LosslessCodec:
    """A codec of a model without latents, which has two sets of networks, one without a 3x3 block.

    options: of its `model` section.
    """
    section = dict(widths=(6, 4), spatial=(3, 0), n_pointwise=1, window=3, n_components=2)
    model = make_model(dict(kind="phases") | section | options)
    package = package_of_params(model, tiny_params(model), make_layer_coder(CODER))
    return dataclasses.replace(package, model_id=MODEL_ID).codec()


def tiny_codec(levels=LEVELS, fallback="smallest", **options) -> LosslessCodec:
    """A codec of `tiny_package`."""
    return dataclasses.replace(tiny_package(levels, **options).codec(), fallback=fallback)


def with_package(codec: LosslessCodec, **fields) -> LosslessCodec:
    """The codec with other fields of its package."""
    return dataclasses.replace(codec, package=dataclasses.replace(codec.package, **fields))


def with_other_weights(codec: LosslessCodec) -> LosslessCodec:
    """The codec with one offset of its network changed."""
    stored = codec.package.stored
    return with_package(codec, stored=stored | {"top": stored["top"] + np.int32(400)})


def _fill(node, path: tuple[str, ...], rng: np.random.Generator):
    if isinstance(node, dict):
        return {name: _fill(child, (*path, name), rng) for name, child in sorted(node.items())}
    if isinstance(node, list):
        return [_fill(child, (*path, str(i)), rng) for i, child in enumerate(node)]
    if node and node[0] == "conv":
        *layers, _, _, _, n_out = node[1]
        shapes = {"b": (*layers, n_out), "g": (*layers, n_out), "v": node[1]}
        return {name: _array((*path, name), shape, rng) for name, shape in shapes.items()}
    return _array(path, node, rng)


def _array(path: tuple[str, ...], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    values = rng.normal(*_SPREAD.get(path[-1], (0.0, 1.0)), shape).astype(np.float32)
    if path[0] == "up_sample" and path[-1] != "v":
        values *= 0.2  # what the network puts out moves the pixels' distributions a little
    if path[0] == "up" and path[-2:] == ("statistics", "b"):
        values[..., shape[-1] // 2 :] -= 0.5  # posteriors sharper than priors, so that there is a KL
    return values


def smooth_image(height: int, width: int, seed: int = 0, depth: int = 8) -> np.ndarray:
    """Waves and a little noise around mid-grey, which the tiny model codes below 8 bits; [H, W, 3]."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[:height, :width]
    waves = [12 * np.sin(0.2 * (c + 1) * x + 0.3 * y + rng.uniform(0, 6)) for c in range(3)]
    values = 128 + np.stack(waves, -1) + rng.normal(0, 4, (height, width, 3))
    if depth == 8:
        return np.clip(values, 0, 255).astype(np.uint8)
    return np.clip(values * 256, 0, 2**16 - 1).astype(np.uint16)


def digest(image: np.ndarray) -> str:
    """SHA-256 of the pixels and the shape."""
    return hashlib.sha256(f"{image.shape} {image.dtype}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def main(paths, codec=None) -> None:
    """For a process of its own: prints for each file the digest of its pixels, or the name of the error."""
    codec = codec or tiny_codec()
    for path in paths:
        try:
            print(digest(codec.decompress(Path(path).read_bytes())))
        except RecError as error:
            print(type(error).__name__)

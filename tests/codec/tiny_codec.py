"""A codec whose every weight comes from numpy: the same on any jax, small enough to decode thousands of files."""

import hashlib
from pathlib import Path

import jax
import numpy as np

from rec_jax.codec.lossless import LosslessCodec
from rec_jax.coders import StepCountModel, make_coder
from rec_jax.core.errors import RecError
from rec_jax.models import make_model

LEVELS = ((2, 1, 4, 1), (4, 1, 4, 1))
WEIGHTS = ((9,), (4,))
CODER = dict(kind="tree", n_beams=16, sequence_length=256, block_size=100, max_nats=60.0)
MODEL_ID = 0x7E57


def tiny_codec(levels=LEVELS, **options) -> LosslessCodec:
    """options: of the coder, instead of CODER's."""
    model = make_model(dict(kind="resnet_vae", levels=levels, likelihood="colour_mixture", n_components=2))
    shapes = jax.eval_shape(model.init, jax.random.key(0), np.zeros((1, 32, 32, 3), np.uint8))
    counts = (StepCountModel(2, 200, 160), StepCountModel(3, 210, 160))
    weights = WEIGHTS if levels == LEVELS else ()
    return LosslessCodec(model, _fill(shapes), make_coder(**CODER | options), counts, MODEL_ID, weights=weights)


def _fill(shapes):
    rng = np.random.Generator(np.random.Philox(0))
    spread = {"v": (0.0, 1.0), "g": (0.3, 0.05), "b": (0.0, 0.1), "log_scale": (-3.2, 0.1), "loc": (0.0, 0.03)}

    def array(path, leaf):
        values = rng.normal(*spread.get(path[-1].key, (0.0, 1.0)), leaf.shape).astype(np.float32)
        if path[0].key == "up_sample" and path[-1].key != "v":
            values *= 0.2  # what the network puts out moves the pixels' distributions a little
        if path[0].key == "up" and path[-2].key == "statistics" and path[-1].key == "b":
            values[..., leaf.shape[-1] // 2 :] -= 0.5  # posteriors sharper than priors, so that there is a KL
        return values

    return jax.tree_util.tree_map_with_path(array, shapes)


def smooth_image(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Waves and a little noise around mid-grey, which the tiny model codes below 8 bits; uint8 [H, W, 3]."""
    rng = np.random.Generator(np.random.Philox(seed))
    y, x = np.mgrid[:height, :width]
    waves = [12 * np.sin(0.2 * (c + 1) * x + 0.3 * y + rng.uniform(0, 6)) for c in range(3)]
    return np.clip(128 + np.stack(waves, -1) + rng.normal(0, 4, (height, width, 3)), 0, 255).astype(np.uint8)


def digest(image: np.ndarray) -> str:
    """SHA-256 of the pixels and the shape."""
    return hashlib.sha256(str(image.shape).encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def main(paths) -> None:
    """For a process of its own: prints for each file the digest of its pixels, or the name of the error."""
    codec = tiny_codec()
    for path in paths:
        try:
            print(digest(codec.decompress(Path(path).read_bytes())))
        except RecError as error:
            print(type(error).__name__)

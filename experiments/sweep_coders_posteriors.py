"""Real posteriors of a model: (q, p) of every layer of an image, given exact samples of the layers above."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.targets import MEASURED, Pair
from rec_jax.codec.model_file import find_model_path, read_model_file, read_model_id
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import DiagGaussian, kl_nats, sample
from rec_jax.core.prng import child_key, evaluate_key
from rec_jax.data import make_source
from rec_jax.models import check_params, make_model
from rec_jax.models.base import LatentModel

_SIDE = 32  # pixels, of CIFAR10's images and of the embedded photographs' patches
_N_TRAIN = 16  # images that K and the weights are learned from
_WEIGHTS_PER_NAT, _MAX_WEIGHT = 64, 4095  # as coarse as a model file keeps them


@dataclass(frozen=True)
class PosteriorTargets:
    """The posteriors of a model on the first n_images test images, and for learning on the first training images.

    images: "cifar10" (TFDS's, from data_dir) or "embedded photographs", 32x32 patches of them.
    """

    model: str
    model_id: int
    images: str
    n_images: int
    data_dir: str = field(default="", repr=False)  # where named images lie changes nothing

    def calls(self, purpose: int, seed: int) -> list[Pair]:
        """See targets.Targets; seed is the image's number."""
        split, n_images = ("test", self.n_images) if purpose == MEASURED else ("train", _N_TRAIN)
        return [jax.tree.map(lambda x: x[seed % n_images], layer) for layer in _posteriors(self, split, n_images)]

    def weights(self) -> list[jax.Array]:
        """See targets.Targets: per channel, the mean KL of a dim over the first training images."""
        return _weights(self)


def posterior_targets(model: str, data_dir: str, n_images: int) -> PosteriorTargets:
    """Those of a shipped model or model file, on CIFAR10 if data_dir says where, else on the embedded photographs."""
    if n_images < 1:
        raise ConfigError(f"--n_images={n_images}: at least 1")
    images = "cifar10" if data_dir else "embedded photographs"
    return PosteriorTargets(model, read_model_id(find_model_path(model)), images, n_images, data_dir)


@functools.lru_cache(maxsize=4)
def _posteriors(targets: PosteriorTargets, split: str, n_images: int) -> list[Pair]:
    """Per layer, top first, (q, p) with arrays [n_images, D] on the host."""
    model, params = _model(targets.model)
    per_image = [
        jax.device_get(_walk(model, params, image, evaluate_key(0, number)))
        for number, image in enumerate(_images(targets, split, n_images))
    ]
    return [jax.tree.map(lambda *rows: np.stack(rows), *layer) for layer in zip(*per_image, strict=True)]


@functools.lru_cache(maxsize=4)
def _weights(targets: PosteriorTargets) -> list[jax.Array]:
    shapes = _model(targets.model)[0].latent_shapes(_SIDE, _SIDE)
    weights = []
    for (q, p), (h, w, channels) in zip(_posteriors(targets, "train", _N_TRAIN), shapes, strict=True):
        of_channel = np.asarray(kl_nats(q, p)).reshape(-1, channels).mean(axis=0)
        counts = np.clip(np.round(_WEIGHTS_PER_NAT * of_channel), 1, _MAX_WEIGHT).astype(np.int32)
        weights.append(jnp.asarray(np.broadcast_to(counts, (h, w, channels)).reshape(-1)))
    return weights


@functools.lru_cache(maxsize=2)
def _model(name: str) -> tuple[LatentModel, Any]:
    stored = read_model_file(find_model_path(name))
    model = make_model(stored.config.model)
    check_params(model, stored.params, name)
    return model, stored.params


def _images(targets: PosteriorTargets, split: str, n_images: int) -> Sequence[np.ndarray]:
    if targets.images == "cifar10":
        options = dict(kind="tfds", name="cifar10", data_dir=targets.data_dir)
    else:
        options = dict(kind="embedded", patch=_SIDE)
    source = make_source(options, split)
    if len(source) < n_images:
        raise ConfigError(f"--n_images={n_images}: {source.name} has {len(source)} images")
    return [source[i] for i in range(n_images)]


@functools.partial(jax.jit, static_argnums=0)
def _walk(model: LatentModel, params: Any, image: jax.Array, key: jax.Array) -> list[Pair]:
    """One image's (q, p) of every layer, top first, as rows [D]; the layers above hold samples of their posteriors."""

    def draw(layer, q: DiagGaussian, p: DiagGaussian, _):
        return sample(child_key(key, layer), q), (q, p)

    height, width, _ = image.shape
    inference = model.infer(params, image[None])
    _, levels = model.top_down(params, draw, batch=1, height=height, width=width, inference=inference)
    flat = [jax.tree.map(lambda x: x.reshape(len(x), -1), level) for level in levels]  # leaves [blocks, D]
    return [
        jax.tree.map(lambda x, i=i: x[i], level) for level in flat for i in range(jax.tree.leaves(level)[0].shape[0])
    ]

"""Real posteriors of a model: (q, p) of every layer of an image, given exact samples of the layers above."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from experiments.coders.targets import MEASURED, Pair, Shares
from rec_jax.codec import Package, open_package
from rec_jax.codec.calibrate import calibrate_shares
from rec_jax.codec.model_file import find_model_path
from rec_jax.core.errors import ConfigError
from rec_jax.core.gaussian import sample
from rec_jax.core.prng import child_key, evaluate_key
from rec_jax.core.rows import arrays_digest
from rec_jax.data import make_source
from rec_jax.models.base import LatentModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.gaussians import gaussian
from rec_jax.models.likelihoods.base import scale_pixels

_SIDE = 32  # pixels, of CIFAR10's images and of the embedded photographs' patches
_N_TRAIN = 16  # images that K and the shares are learned from


@dataclass(frozen=True)
class PosteriorTargets:
    """The posteriors of a model on the first n_images test images, and for learning on the first training images.

    images: "cifar10" (TFDS's, from data_dir) or "embedded photographs", 32x32 patches of them.
    """

    model: str
    images: str
    n_images: int
    data_dir: str = ""

    def key(self) -> dict[str, Any]:
        """See targets.Targets: weights and pixels, wherever they lie."""
        return _key(self)

    def __str__(self) -> str:
        return f"{self.model} on the first {self.n_images} test images of {self.images}"

    def calls(self, purpose: int, seed: int) -> list[Pair]:
        """See targets.Targets; seed is the image's number."""
        split, n_images = ("test", self.n_images) if purpose == MEASURED else ("train", _N_TRAIN)
        return [jax.tree.map(lambda x: x[seed % n_images], layer) for layer in _posteriors(self, split, n_images)]

    def shares(self) -> list[Shares]:
        """See targets.Targets: by the mean KL of a channel's dims over the first training images."""
        return _shares(self)


def posterior_targets(model: str, data_dir: str, n_images: int) -> PosteriorTargets:
    """Those of a shipped model or model file, on CIFAR10 if data_dir says where, else on the embedded photographs."""
    if n_images < 1:
        raise ConfigError(f"--n_images={n_images}: at least 1")
    images = "cifar10" if data_dir else "embedded photographs"
    find_model_path(model)
    return PosteriorTargets(model, images, n_images, data_dir)


@functools.lru_cache(maxsize=4)
def _key(targets: PosteriorTargets) -> dict[str, Any]:
    package, splits = _opened(targets.model), (("test", targets.n_images), ("train", _N_TRAIN))
    images = [image for split, n_images in splits for image in _images(targets, split, n_images)]
    weights = arrays_digest(jax.tree.leaves(package.stored))
    return {"model": package.config["model"], "weights": weights, "images": arrays_digest(images)}


@functools.lru_cache(maxsize=4)
def _posteriors(targets: PosteriorTargets, split: str, n_images: int) -> list[Pair]:
    """Per layer, top first, (q, p) with arrays [n_images, D] on the host."""
    package = _opened(targets.model)
    per_image = [
        jax.device_get(_walk(package.model, package.float_params, image, evaluate_key(0, number)))
        for number, image in enumerate(_images(targets, split, n_images))
    ]
    return [jax.tree.map(lambda *rows: np.stack(rows), *layer) for layer in zip(*per_image, strict=True)]


@functools.lru_cache(maxsize=4)
def _shares(targets: PosteriorTargets) -> list[Shares]:
    package = _opened(targets.model)
    of_channel = calibrate_shares(package, np.stack(_images(targets, "train", _N_TRAIN)))
    sides = [
        (_SIDE // g.stride, _SIDE // g.stride, g.channels) for g in package.model.groups for _ in range(g.n_layers)
    ]
    return [Shares(*layer) for layer in zip(of_channel, sides, strict=True)]


@functools.lru_cache(maxsize=2)
def _opened(model: str) -> Package:
    return open_package(model)


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
    net, pixels = FloatNet(), image[None].astype(jnp.float32)

    def draw(layer, prior, hidden):
        q, p = gaussian(*model.posterior(net, layer.params, hidden, layer.context)), gaussian(*prior)
        return sample(child_key(key, layer.number), q), (q, p)

    contexts = model.infer(net, params, scale_pixels(pixels))
    _, groups = model.top_down(net, params, draw, 1, image.shape[:2], contexts)
    flat = [jax.tree.map(lambda x: x.reshape(len(x), -1), group) for group in groups]  # leaves [layers, D]
    return [
        jax.tree.map(lambda x, i=i: x[i], f) for f, g in zip(flat, model.groups, strict=True) for i in range(g.n_layers)
    ]

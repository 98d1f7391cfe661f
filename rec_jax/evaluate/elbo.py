"""The ELBO of images, one by one: what a file is measured against (docs/NOTATION.md, coder loss)."""

import functools
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from rec_jax.core.estimates import ratio, with_error
from rec_jax.core.prng import child_key, evaluate_key
from rec_jax.core.units import nats_to_bits
from rec_jax.models.base import BoundedModel
from rec_jax.models.elbo import elbo_terms


class ImageElbo(NamedTuple):
    """Per image, in bits, float64 [N]; the negative ELBO is their sum."""

    distortion_bits: np.ndarray  # -log2 p(x | z)
    kl_bits: np.ndarray  # sum of all layers; of a continuous flow, of its dequantiser
    group_kl_bits: np.ndarray  # [N, G], of each of the model's groups of layers, top first

    @property
    def elbo_bits(self) -> np.ndarray:
        """-ELBO."""
        return self.distortion_bits + self.kl_bits


@functools.partial(jax.jit, static_argnums=0)
def _terms(model: BoundedModel, params: Any, images: jax.Array, keys: jax.Array):
    def one(image, key):
        terms = elbo_terms(model, params, image[None], key)
        layers = terms.kl_nats[0].sum(-1)
        ends = np.cumsum([0, *(group.n_layers for group in model.groups)])
        groups = [layers[first:last].sum() for first, last in pairwise(ends)]
        return terms.log_likelihood_nats[0], layers.sum(), jnp.stack(groups) if groups else jnp.zeros(0)

    return jax.vmap(one)(images, keys)


def image_elbo(
    model: BoundedModel,
    params: Any,
    images: np.ndarray,
    numbers: Iterable[int],
    seed: int,
    batch_size: int = 50,
) -> ImageElbo:
    """The ELBO of images uint8 [N, H, W, 3], H and W multiples of model.stride, with one posterior sample each.

    numbers: each image's number in its split, of which its key is made, so that batches change nothing.
    """
    keys = jax.vmap(evaluate_key, (None, 0))(seed, np.asarray(list(numbers)))
    return keyed_elbo(model, params, images, keys, batch_size)


def tile_keys(seed: int, number: int, n_tiles: int) -> jax.Array:
    """Keys [n_tiles] of the tiles of image `number`: their samples are independent, as those of their files are."""
    return jax.vmap(child_key, (None, 0))(evaluate_key(seed, number), np.arange(n_tiles))


def keyed_elbo(
    model: BoundedModel, params: Any, images: np.ndarray, keys: jax.Array, batch_size: int = 50
) -> ImageElbo:
    """image_elbo of images, or of tiles, uint8 [N, H, W, 3], each with a key of its own; keys [N]."""
    parts = []
    for first in range(0, len(images), batch_size):
        rows = np.minimum(np.arange(first, first + batch_size), len(images) - 1)  # a last batch of the same shape
        n = min(batch_size, len(images) - first)
        parts.append([np.asarray(x, np.float64)[:n] for x in _terms(model, params, images[rows], keys[rows])])
    log_likelihood, kl, group_kl = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ImageElbo(-nats_to_bits(log_likelihood), nats_to_bits(kl), nats_to_bits(group_kl))


def elbo_evaluator(model: BoundedModel, images: np.ndarray, seed: int, batch_size: int):
    """For the training loop: (step, params) -> named scalars, over fixed images; of several also standard errors."""

    def evaluate(step: int, params: Any):
        del step
        elbo = image_elbo(model, params, images, range(len(images)), seed, batch_size)
        n_dims = np.full(len(images), images[0].size)
        yield from with_error("test/elbo_bpd", ratio(elbo.elbo_bits, n_dims))
        yield from with_error("test/kl_bpd", ratio(elbo.kl_bits, n_dims))
        if len(model.groups) > 1:
            for group, kl_bits in zip(model.groups, elbo.group_kl_bits.T, strict=True):
                yield from with_error(f"test/kl_bpd_stride_{group.stride}", ratio(kl_bits, n_dims))

    return evaluate

"""What a coder and its decoder know of a model besides its parameters, learned on training images at export."""

import dataclasses
import itertools
from collections.abc import Iterable

import jax
import numpy as np

from rec_jax.codec.calibrate_lossy import calibrate_by_scale
from rec_jax.codec.learned import NOTHING, Learned
from rec_jax.codec.lossless import LosslessCodec
from rec_jax.codec.package import Package
from rec_jax.codec.search_batches import BATCH_SIZE
from rec_jax.codec.tile_search import encode_tiles
from rec_jax.codec.tiles import SMALL
from rec_jax.coders import StepCountModel
from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.core.errors import TrainingDiverged
from rec_jax.core.prng import evaluate_key
from rec_jax.exact.scope import search_jax
from rec_jax.models.base import LossyModel, MarkovModel, QuantisedModel
from rec_jax.models.elbo import elbo_terms

N_IMAGES = 128  # that are enough, evenly spaced over a training split
_SHARES_PER_NAT = 64
_N_KNOTS = 11  # qualities that a lossy model's tables are made at
_SEED = 1  # of the posterior samples

Shares = tuple[tuple[int, ...], ...]


def calibrate(package: Package, images: np.ndarray) -> Learned:
    """What `package.coder` should know of the model, from training images uint8 [N, H, W, 3], N_IMAGES of them or so.

    Images of another size than a small tile's are cut to its top left corner. Deterministic. A model without latents
    teaches nothing, and one that quantises them, or codes chains, has no coder.

    Raises TrainingDiverged if the model's KL is not finite.
    """
    if not package.model.groups or isinstance(package.model, QuantisedModel | MarkovModel):
        return NOTHING
    if isinstance(package.model, LossyModel):
        return Learned(by_scale=calibrate_by_scale(package.model, package.stored, images, _N_KNOTS))
    shares = calibrate_shares(package, images)
    taught = dataclasses.replace(package, learned=Learned(shares=shares))
    return Learned(calibrate_step_counts(taught, images), shares)


def calibrate_shares(package: Package, images: np.ndarray) -> Shares:
    """Per layer and channel, the mean KL of a latent dim in 64ths of a nat, 1 to MAX_WEIGHT; see `calibrate`."""
    model, params = package.lossless_model, package.float_params
    terms = jax.jit(lambda batch, key: elbo_terms(model, params, batch, key).kl_nats)
    with search_jax():
        means = [np.asarray(terms(b, evaluate_key(_SEED, i))).mean(0) for i, b in enumerate(_batches(images))]
    kl_nats = np.mean(means, axis=0)  # [L, C], of an image
    if not np.isfinite(kl_nats).all():
        raise TrainingDiverged("the KL of the model is not finite on the training images; train it again")
    groups = [group for group in model.groups for _ in range(group.n_layers)]
    height, width = images[:, :SMALL, :SMALL].shape[1:3]
    per_dim = [row[: g.channels] * g.stride**2 / (height * width) for g, row in zip(groups, kl_nats, strict=True)]
    return tuple(tuple(np.clip(np.round(_SHARES_PER_NAT * row), 1, MAX_WEIGHT).astype(int).tolist()) for row in per_dim)


def calibrate_step_counts(package: Package, images: np.ndarray) -> tuple[StepCountModel, ...]:
    """One StepCountModel per layer, of fewest bits for `package.coder` with the shares in `package.learned`.

    See `calibrate`.
    """
    untaught = dataclasses.replace(package, learned=package.learned._replace(step_counts=()))
    codec, layers = LosslessCodec(untaught, package.coder), []
    for batch in _batches(images):
        numbers, sizes = np.arange(len(batch), dtype=np.uint32), np.full((len(batch), 2), batch.shape[1:3], np.int32)
        codes, *_ = encode_tiles(codec, codec.layout(batch.shape[1]), batch, numbers, sizes)
        layers.append([[jax.tree.map(lambda x, j=j: x[j], code) for j in range(len(batch))] for code in codes])
    return tuple(package.coder.fit([*itertools.chain(*layer)]) for layer in zip(*layers, strict=True))


def _batches(images: np.ndarray) -> Iterable[np.ndarray]:
    """Corners of a small tile's size; full batches only, so that one shape is compiled."""
    corners, size = images[:, :SMALL, :SMALL], min(BATCH_SIZE, len(images))
    return (corners[i : i + size] for i in range(0, len(corners) - size + 1, size))

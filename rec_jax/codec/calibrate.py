"""What a coder and its decoder know of a model besides its parameters, learned on training images."""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from rec_jax.codec.latents import LatentCoder
from rec_jax.codec.tiles import SMALL
from rec_jax.coders import Coder, StepCountModel
from rec_jax.coders.step_counts import fit_step_counts
from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.core.errors import TrainingDiverged
from rec_jax.core.prng import evaluate_key
from rec_jax.models.base import LatentModel
from rec_jax.models.elbo import elbo_terms

_WEIGHTS_PER_NAT = 64

Weights = tuple[tuple[int, ...], ...]


def calibrate_weights(model: LatentModel, params: Any, images: np.ndarray, seed: int = 1) -> Weights:
    """Per layer and channel, the mean KL of a latent dim in 64ths of a nat, 1 to MAX_WEIGHT; images uint8 [N, H, W, 3].

    Images of another size than a small tile's are cut to its top left corner. Deterministic given seed.
    Raises TrainingDiverged if the model's KL is not finite.
    """
    images = images[:, :SMALL, :SMALL]
    terms = jax.jit(lambda batch, key: elbo_terms(model, params, batch, key).kl_nats)
    batches = list(_batches(images, min(16, len(images))))
    total = sum(np.asarray(terms(batch, evaluate_key(seed, i))).mean(0) for i, batch in enumerate(batches))
    if not np.isfinite(total).all():
        raise TrainingDiverged("the KL of the model is not finite on the training images; train it again")
    shapes = model.latent_shapes(*images.shape[1:3])
    return tuple(
        tuple(int(np.clip(round(_WEIGHTS_PER_NAT * kl / (h * w)), 1, MAX_WEIGHT)) for kl in row[:c])
        for row, (h, w, c) in zip((total / len(batches)).tolist(), shapes, strict=True)
    )


def calibrate_step_counts(
    model: LatentModel,
    params: Any,
    coder: Coder,
    images: np.ndarray,
    weights: Weights = (),
    seed: int = 1,
    batch_size: int = 16,
) -> tuple[StepCountModel, ...]:
    """One StepCountModel per layer, of fewest bits on images uint8 [N, 32, 32, 3]; N of 64 or more is wise.

    weights: those that the coder will be used with.
    Deterministic given seed. Images of another size than a small tile's are cut to its top left corner.
    """
    latents = LatentCoder(model, coder, weights, seed)
    images = images[:, :SMALL, :SMALL]
    counts: list[list[np.ndarray]] = [[] for _ in range(model.n_layers)]
    for batch in _batches(images, min(batch_size, len(images))):
        numbers, sizes = np.arange(len(batch), dtype=np.int32), np.full((len(batch), 2), batch.shape[1], np.int32)
        codes, _ = jax.device_get(latents.encode(params, numbers, batch, sizes))
        layers = [per_image for code in codes for per_image in code.n_steps]  # L arrays [B, n_blocks]
        for layer, per_image in zip(counts, layers, strict=True):
            layer.extend(np.maximum(row, 0) for row in per_image)
    return tuple(fit_step_counts(calls, coder.max_steps) for calls in counts)


def _batches(images: np.ndarray, size: int) -> Iterable[np.ndarray]:
    """Full batches only, so that one shape is compiled."""
    return (images[i : i + size] for i in range(0, len(images) - size + 1, size))

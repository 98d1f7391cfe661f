"""Learning, on training images, how many steps the blocks of each layer take."""

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np

from rec_jax.codec.latents import LatentCoder
from rec_jax.codec.tiles import SMALL
from rec_jax.coders import Coder, StepCountModel
from rec_jax.coders.step_counts import fit_step_counts
from rec_jax.models.base import LatentModel


def calibrate_step_counts(
    model: LatentModel, params: Any, coder: Coder, images: np.ndarray, seed: int = 1, batch_size: int = 16
) -> tuple[StepCountModel, ...]:
    """One StepCountModel per layer, of fewest bits on images uint8 [N, 32, 32, 3]; N of 64 or more is wise.

    Deterministic given seed. Images of another size than a small tile's are cut to its top left corner.
    """
    latents = LatentCoder(model, coder, seed)
    images = images[:, :SMALL, :SMALL]
    counts: list[list[np.ndarray]] = [[] for _ in range(model.n_layers)]
    for batch in _batches(images, batch_size):
        codes, _ = jax.device_get(latents.encode(params, np.arange(len(batch), dtype=np.int32), batch))
        layers = [per_image for code in codes for per_image in code.n_steps]  # L arrays [B, n_blocks]
        for layer, per_image in zip(counts, layers, strict=True):
            layer.extend(np.maximum(row, 0) for row in per_image)
    return tuple(fit_step_counts(calls, coder.max_steps) for calls in counts)


def _batches(images: np.ndarray, size: int) -> Iterable[np.ndarray]:
    """Full batches only, so that one shape is compiled."""
    return (images[i : i + size] for i in range(0, len(images) - size + 1, size))

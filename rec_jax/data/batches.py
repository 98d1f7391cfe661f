"""Which images make up the batch of a step: a pure function, so that a run resumes in the middle of an epoch."""

import functools

import numpy as np

from rec_jax.core import errors


def batch_indices(seed: int, step: int, batch_size: int, n_images: int) -> np.ndarray:
    """Returns the indices of the images of batch `step`, int64 [batch_size].

    Epoch e visits the images in a random order that depends on (seed, e) alone; every epoch drops the
    n_images % batch_size images at the end of its order, so no batch spans two epochs and none repeats an image.
    Raises ConfigError if not even one batch fits.
    """
    if not 1 <= batch_size <= n_images:
        raise errors.ConfigError(f"batch_size={batch_size} does not fit {n_images} images; take 1 ... {n_images}")
    if seed < 0 or step < 0:
        raise errors.ConfigError(f"seed={seed}, step={step}; both must be at least 0")
    epoch, position = divmod(step, n_images // batch_size)
    order = _epoch_order(seed, epoch, n_images)
    return order[position * batch_size : (position + 1) * batch_size].copy()


@functools.lru_cache(maxsize=4)  # an order of 1.3 M images takes 0.2 s; a step must not pay for it
def _epoch_order(seed: int, epoch: int, n_images: int) -> np.ndarray:
    """Sorts the images by raw Philox words: unlike Generator.permutation, these never change with numpy's version."""
    return np.argsort(np.random.Philox(key=[seed, epoch]).random_raw(n_images), kind="stable")

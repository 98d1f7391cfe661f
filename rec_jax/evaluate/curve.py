"""What a lossy model has learned: its rate and distortion at a few qualities, and the pictures."""

import functools
from typing import Any

import jax
import numpy as np

from rec_jax.core.estimates import mean, with_error
from rec_jax.core.prng import evaluate_key
from rec_jax.evaluate.pictures import grid
from rec_jax.models.base import LossyModel, QuantisedModel
from rec_jax.models.float_net import FloatNet
from rec_jax.train.distortion import MS_SSIM_UNIT
from rec_jax.train.quantised import quantised_terms
from rec_jax.train.rate_distortion import terms

QUALITIES = (10, 40, 70, 100)
_NET = FloatNet()


@functools.partial(jax.jit, static_argnums=0)
def _terms(model: LossyModel | QuantisedModel, params: Any, images: jax.Array, quality: jax.Array, key: jax.Array):
    qualities = jax.numpy.full(len(images), quality)
    if isinstance(model, QuantisedModel):
        found = quantised_terms(model, params, images, qualities, None, _NET)
    else:
        found = terms(model, params, images, qualities, key, _NET)
    pixels = jax.numpy.clip(jax.numpy.floor((found.pictures + 0.5) * 256), 0, 255).astype(jax.numpy.uint8)
    return found.rate_bpp, found.distortion, pixels


def curve_evaluator(model: LossyModel | QuantisedModel, images: np.ndarray, seed: int):
    """For the training loop: (step, params) -> named numbers and pictures, over fixed images [N, H, W, 3].

    Means over the images with their standard errors (NAME_error), of exact posterior samples or of rounded latents:
    test/bpp_q10 and test/psnr_db_q10 of quality 10, and so on; of a model trained for it test/ms_ssim_q10, with as many
    scales as the images have; and every image over what is left of it at those qualities.
    """

    def evaluate(step: int, params: Any):
        del step
        rows = [images]
        for quality in QUALITIES:
            rate, distortion, pictures = map(
                np.asarray, _terms(model, params, images, float(quality), evaluate_key(seed, 0))
            )
            errors = (pictures.astype(float) - images) ** 2
            yield from with_error(f"test/bpp_q{quality}", mean(rate.sum(1)))
            yield from with_error(f"test/psnr_db_q{quality}", mean(10 * np.log10(255**2 / errors.mean((1, 2, 3)))))
            if model.distortion == "ms_ssim":
                yield from with_error(f"test/ms_ssim_q{quality}", mean(1.0 - distortion / MS_SSIM_UNIT))
            for group, bpp in zip(model.groups, rate.T, strict=True):
                yield from with_error(f"test/bpp_stride_{group.stride}_q{quality}", mean(bpp))
            rows.append(pictures)
        yield "reconstructions", grid(np.concatenate(rows, axis=1))

    return evaluate

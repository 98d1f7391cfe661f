"""What the tree coder should know of a lossy model, learned on training crops at export: expected KL by prior scale."""

import numpy as np

from rec_jax.codec.expected_kl import N_BINS, Table, bins_of
from rec_jax.coders.tree.groups import MAX_WEIGHT
from rec_jax.core.errors import TrainingDiverged
from rec_jax.core.numpy_gaussian import kl_nats
from rec_jax.exact.tables import LOG_SCALE_LIMIT, SCALE_BITS
from rec_jax.models.base import LossyModel
from rec_jax.models.exact_params import float_params
from rec_jax.models.knots import MAX_QUALITY, at_quality
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.models.numpy_net import NumpyNet

_FEWEST = 32  # latents in a bin, for their mean to count
_FAINTEST = 1e-6  # nats a latent
_SEED = 1


def calibrate_by_scale(model: LossyModel, stored: dict, images: np.ndarray, n_knots: int) -> tuple[Table, ...]:
    """Per layer, knot and bin of expected_kl.py, the mean KL of a latent, 1 to MAX_WEIGHT, the most of a knot's.

    images: uint8 [N, H, W, 3], sides multiples of the model's stride.  Deterministic. Raises TrainingDiverged if a KL
    is not finite.
    """
    x = scale_pixels(images.astype(np.float32))
    rows = [_rows(model, stored, x, round(i * MAX_QUALITY / (n_knots - 1))) for i in range(n_knots)]
    return tuple(zip(*rows, strict=True))


def _rows(model: LossyModel, stored: dict, x: np.ndarray, quality: int) -> list[tuple[int, ...]]:
    """One row of every layer's table."""
    net, params, rows = NumpyNet(), float_params(at_quality(stored, quality)), []
    rng = np.random.Generator(np.random.Philox(_SEED))

    def draw(layer, prior, hidden):
        loc, log_scale = model.posterior(net, layer.params, hidden, layer.context)
        scale, prior_scale = (np.exp(np.clip(s, -LOG_SCALE_LIMIT, LOG_SCALE_LIMIT)) for s in (log_scale, prior[1]))
        rows.append(_row(kl_nats(loc, scale, prior[0], prior_scale), prior_scale))
        return loc + scale * rng.standard_normal(loc.shape, np.float32), None

    model.top_down(net, params, draw, len(x), x.shape[1:3], model.infer(net, params, x))
    return rows


def _row(kl_nats: np.ndarray, prior_scale: np.ndarray) -> tuple[int, ...]:
    """The means by bin; where there are too few, those of the bins beside it."""
    if not np.isfinite(kl_nats).all():
        raise TrainingDiverged("the KL of the model is not finite on the training images; train it again")
    bins = bins_of(prior_scale * 2.0**SCALE_BITS).ravel()
    counts = np.bincount(bins, minlength=N_BINS)
    sums = np.bincount(bins, kl_nats.ravel().astype(np.float64), minlength=N_BINS)
    known = np.flatnonzero(counts >= min(_FEWEST, int(np.max(counts))))
    means = np.interp(np.arange(N_BINS), known, sums[known] / counts[known])
    return tuple(
        np.clip(np.round(MAX_WEIGHT * means / max(float(np.max(means)), _FAINTEST)), 1, MAX_WEIGHT).astype(int).tolist()
    )

"""What core/gaussian.py computes under jax, of numpy arrays: for encoders and measurements of any size, uncompiled."""

from typing import Any

import numpy as np


def kl_nats(loc: Any, scale: Any, prior_loc: Any, prior_scale: Any) -> np.ndarray:
    """KL(N(loc, scale^2) || N(prior_loc, prior_scale^2)) in nats per coordinate; arrays of one shape, or numbers."""
    ratio, shift = scale / prior_scale, (loc - prior_loc) / prior_scale
    return 0.5 * (ratio**2 + shift**2 - 1.0) - np.log(ratio)

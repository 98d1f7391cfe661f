"""log p of pictures under an integer flow. Importing this imports no jax."""

from typing import Any

import numpy as np

from rec_jax.models.base import IntegerFlow, IntegerLaw
from rec_jax.models.likelihoods.base import bin_log_prob_nats

VALUE_BITS = 8  # integers are multiples of 2^-8
MIDDLE = 1 << (VALUE_BITS - 1)  # a pixel's value less this is its integer


def law_log_prob_nats(law: IntegerLaw, values: Any, xp: Any) -> Any:
    """log P of integers [..., C], floats, one by one; law: in floats."""
    inside = np.zeros((1,) * values.ndim, bool)
    return bin_log_prob_nats(tuple(law), values * 2.0**-VALUE_BITS, inside, inside, xp, VALUE_BITS)


def flow_log_prob_nats(model: IntegerFlow, net: Any, params: dict, images: Any) -> Any:
    """log p(x) of images uint8 [B, H, W, 3] under a float net, [B]: that of its integers, which it maps one to one."""
    parts = model.forward(net, params, images.astype(net.xp.float32) - MIDDLE)
    return sum(law_log_prob_nats(law, values, net.xp).sum((1, 2, 3)) for values, law in parts)

"""Pictures that a flow draws, by numpy: the inverses of its maps are searched, and nothing is compiled."""

from typing import Any

import numpy as np

from rec_jax.models.base import ContinuousFlow
from rec_jax.models.numpy_net import NumpyNet


def flow_pictures(model: ContinuousFlow, params: Any, seed: int, n: int, size: tuple[int, int]) -> np.ndarray:
    """n pictures floor(F^-1(z)), z ~ N(0, 1), uint8 [n, H, W, 3]; params: float, of numpy."""
    z = np.random.Generator(np.random.Philox(seed)).normal(size=(n, *size, 3))
    v = model.flow_back(NumpyNet(np.float64), params, lambda elementwise, y: elementwise.inverse(y), z)
    return np.clip(np.floor(v), 0, 255).astype(np.uint8)

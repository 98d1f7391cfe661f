"""Arrays of either kind, for arguments that jax and numpy both take."""

import jax
import numpy as np

AnyArray = jax.Array | np.ndarray

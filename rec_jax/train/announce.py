"""The first line of a run: within seconds, before anything is compiled."""

import math
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from rec_jax.core.prng import init_key
from rec_jax.models import make_model
from rec_jax.models.base import StartingModel
from rec_jax.models.init import init_params
from rec_jax.train.parallel import is_main_process

_init = jax.jit(init_params, static_argnums=0)  # traced once a model


def announce(config: ConfigDict, workdir: str | Path, images: np.ndarray, last_step: int | None) -> None:
    """Says on stderr what is trained on what, and from which step."""
    if not is_main_process():
        return
    devices = jax.devices()
    n_images, height, width, _ = images.shape
    start = "a new run" if last_step is None else f"resumed from step {last_step}"
    data = f"{n_images:,} images of {width}x{height}"
    on = f"{len(devices)} {devices[0].platform} ({devices[0].device_kind})"
    steps = f"{start} to step {config.train.n_steps}"
    sys.stderr.write(f"{workdir}: {steps}; {_n_parameters(config):,} parameters, {data}, on {on}\n")
    sys.stderr.flush()


def _n_parameters(config: ConfigDict) -> int:
    model = make_model(config.model)
    if isinstance(model, StartingModel):
        params = model.start(np.zeros((1, model.stride, model.stride, 3)))
        return sum(leaf.size for leaf in jax.tree.leaves(params))
    image = jax.ShapeDtypeStruct((1, model.stride, model.stride, 3), jnp.uint8)
    shapes = jax.eval_shape(partial(_init, model), jax.eval_shape(lambda: init_key(0)), image)
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(shapes))

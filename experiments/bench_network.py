"""Compile time and step time of the network, forward and gradient, scanned and unrolled."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from configs import base
from experiments.timing import timed, timed_compile
from rec_jax.codec.model_file import find_model_path, read_model_file
from rec_jax.core.compilation import training_compiler_options
from rec_jax.core.errors import MissingFile
from rec_jax.core.prng import init_key, train_key
from rec_jax.data.embedded import embedded_patches
from rec_jax.models import make_model
from rec_jax.train.losses import negative_elbo

_FREE_NATS = 0.1


def bench_network(model: str, quick: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Rows for the paper's 24 blocks (batch 1) and for the model file's network (batch 8), if it is there."""
    paper = base.base().model
    if quick:
        paper = base.shrink(base.base()).model
    networks = [("24 blocks, 160 + 32 channels" if not quick else "shrunk", paper, 1)]
    try:
        networks.append((model, read_model_file(find_model_path(model)).config.model, 8))
    except MissingFile:
        say(f"{model}: not there, not run")
    rows = []
    for name, config, batch_size in networks:
        for unroll in (False, True):
            row = {"network": name, "walk": "unrolled" if unroll else "scanned", "batch_size": batch_size}
            row |= measure(config, unroll, batch_size, n_calls=1 if quick else 3)
            rows.append(row)
            say(
                f"{name}, batch {batch_size}, {row['walk']}: forward {row['forward_s']:.3f} s (compile "
                f"{row['forward_compile_s']:.1f} s), gradient {row['gradient_s']:.3f} s (compile "
                f"{row['gradient_compile_s']:.1f} s)"
            )
    return {"rows": rows}


def measure(config: Any, unroll: bool, batch_size: int, n_calls: int) -> dict[str, float]:
    """Compile and step seconds of the training loss and of its gradient, with training's compiler options."""
    model = make_model(config, unroll=unroll)
    images = embedded_patches("test", 32).array()[:batch_size]
    params = _random_params(model, images)

    def loss(params, images, key):
        return negative_elbo(params, model, images, key, _FREE_NATS)[0]

    args, options = (params, images, train_key(0, 0)), training_compiler_options()
    result = {}
    for name, f in (("forward", loss), ("gradient", jax.value_and_grad(loss))):
        compile_s, compiled = timed_compile(f, *args, compiler_options=options)
        first_s, _ = timed(compiled, *args)
        slow = first_s > 5.0  # then the first call is as good as any
        step_s = first_s if slow else float(np.median([timed(compiled, *args)[0] for _ in range(n_calls)]))
        result |= {f"{name}_compile_s": compile_s, f"{name}_s": step_s}
    return result


def _random_params(model, images) -> Any:
    """Small random parameters of the right shapes: times do not depend on them, and init would compile for longer."""
    shapes = jax.eval_shape(model.init, init_key(0), images)
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda x: 0.1 * generator.standard_normal(x.shape, np.float32), shapes)

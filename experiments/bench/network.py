"""Compile time and step time of the network, forward and gradient, scanned and unrolled."""

import functools
import time
from typing import Any

import jax
import numpy as np

from configs import base
from experiments.bench.case import ModelCase
from experiments.cases import Row
from experiments.table1.learned import opened
from experiments.timing import timed
from rec_jax.core.compilation import training_compiler_options
from rec_jax.core.prng import init_key, train_key
from rec_jax.data.embedded import embedded_patches
from rec_jax.models import make_model
from rec_jax.models.float_net import FloatNet
from rec_jax.models.init import init_params
from rec_jax.train.losses import negative_elbo

_FREE_NATS = 0.1


def network_cases(model: str, quick: bool) -> list[ModelCase]:
    """The paper's 24 blocks (batch 1), or a shrunk network, and the model file's network (batch 8), both ways."""
    paper = "24 blocks, 160 + 32 channels" if not quick else "shrunk"
    options = {"n_calls": 1 if quick else 3, "quick": quick}
    return [
        ModelCase(
            f"network {title}, {'unrolled' if unroll else 'scanned'}", bench_network, name,
            options | {"unroll": unroll, "batch_size": batch_size},
        )
        for title, name, batch_size in ((paper, "", 1), (model, model, 8))
        for unroll in (False, True)
    ]  # fmt: skip


def bench_network(model: str, quick: bool, unroll: bool, batch_size: int, n_calls: int) -> Row:
    """Compile and step seconds of the training loss and of its gradient, with training's compiler options."""
    if model:
        network = opened(model).model
    else:
        network = make_model((base.shrink(base.base()) if quick else base.base()).model)
    images = embedded_patches("test", 32).array()[:batch_size]
    params, net = _random_params(network, images), FloatNet(unroll=unroll)

    def loss(params, images, key):
        return negative_elbo(params, network, net, images, key, _FREE_NATS)[0]

    args, options = (params, images, train_key(0, 0)), training_compiler_options()
    result: Row = {"batch_size": batch_size, "walk": "unrolled" if unroll else "scanned"}
    for name, f in (("forward", loss), ("gradient", jax.value_and_grad(loss))):
        start_s = time.perf_counter()
        compiled = jax.jit(f, compiler_options=options).lower(*args).compile()
        compile_s = time.perf_counter() - start_s
        first_s = timed(compiled, *args)[0].wall_s
        slow = first_s > 5.0  # then the first call is as good as any
        step_s = first_s if slow else float(np.median([timed(compiled, *args)[0].wall_s for _ in range(n_calls)]))
        result |= {f"{name}_compile_s": compile_s, f"{name}_s": step_s}
    return result


def _random_params(model, images) -> Any:
    """Small random parameters of the right shapes: times do not depend on them, and init would compile for longer."""
    shapes = jax.eval_shape(functools.partial(init_params, model), init_key(0), images)
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda x: 0.1 * generator.standard_normal(x.shape, np.float32), shapes)

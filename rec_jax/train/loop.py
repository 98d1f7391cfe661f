"""The training loop: build, restore, then calls of steps, and between them three periodic ones (log, evaluate, save).

A run killed at any moment continues from its last checkpoint bit for bit as if it had not been killed: batches and
keys are functions of (config.seed, step), everything else is in the checkpoint. That holds on the CPU; on a GPU it
takes XLA_FLAGS=--xla_gpu_deterministic_ops=true as well.
"""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from absl import logging
from jax.sharding import Mesh
from ml_collections import ConfigDict

from rec_jax.core import prng
from rec_jax.core.compilation import training_compiler_options
from rec_jax.core.errors import ConfigError
from rec_jax.data.batches import batch_indices
from rec_jax.models import make_model
from rec_jax.models.base import AnyModel, CurveModel, StartingModel
from rec_jax.models.float_net import FloatNet
from rec_jax.models.likelihoods.base import scale_pixels
from rec_jax.train import parallel
from rec_jax.train.announce import announce
from rec_jax.train.checkpoint import Checkpoints
from rec_jax.train.checks import check_images, check_values
from rec_jax.train.distortion import check_sides
from rec_jax.train.feed import call_ends, make_feed
from rec_jax.train.objective import make_objective
from rec_jax.train.optimizers import Schedule, in_coordinates_of, learning_rate_schedule, make_optimizer
from rec_jax.train.periodic import Evaluator, PeriodicCalls
from rec_jax.train.saved_config import check_same_run, write_config
from rec_jax.train.state import TrainState, create_state
from rec_jax.train.step import compile_steps, make_step
from rec_jax.train.stop import StopRequests

_INIT_IMAGES = 128  # that scale the initial parameters, in every process


def train(
    config: ConfigDict,
    workdir: str | Path,
    source_train: np.ndarray,
    evaluators: Iterable[Evaluator] = (),
    initial_params: Callable[[], Any] | None = None,
) -> TrainState:
    """Trains to config.train.n_steps, resuming from workdir if it holds a checkpoint; returns the last state.

    source_train: uint8 [N, H, W, 3].  evaluators: see periodic.Evaluator.
    initial_params: gives what a new run starts from, in place of fresh parameters; not called by one that resumes.

    Raises:
      ConfigError: for values that cannot be trained, or other ones than the workdir was started with.
      Stopped: after SIGTERM or SIGINT, when the checkpoint of the step that was done is saved.
      TrainingDiverged: naming the first step whose loss or gradient is not finite; the last checkpoint is good.
    """
    settings = config.train
    model, net = make_model(config.model), FloatNet(_compute_dtype(settings), _unroll(settings))
    check_values(config, model)
    check_images(source_train, settings.batch_size, model.stride)
    if isinstance(model, CurveModel):
        check_sides(model.distortion, *source_train.shape[1:3])
    mesh = parallel.make_mesh(settings.batch_size)
    feed = make_feed(settings, mesh, source_train)

    def batches(done: int, end: int) -> tuple[jax.Array, jax.Array | None]:  # of the steps done + 1 ... end
        sizes = settings.batch_size, len(source_train)
        return feed(np.stack([batch_indices(config.seed, number, *sizes) for number in range(done, end)]))

    position = {"seed": config.seed, "batch_size": settings.batch_size, "n_images": len(source_train)}
    with Checkpoints(workdir, settings.keep_checkpoints, position) as checkpoints:
        if (last_step := checkpoints.latest_step()) is not None:
            check_same_run(workdir, config)
        announce(config, workdir, source_train, last_step)
        state = _restore_or_create(config, workdir, checkpoints, model, mesh, source_train, initial_params)
        done, compiled = int(state.step), {}

        def steps_of(fed: tuple[jax.Array, jax.Array | None]) -> jax.stages.Compiled:
            n_steps = len(fed[0])
            if n_steps not in compiled:
                compiled[n_steps] = _compiled_steps(config, model, net, mesh, state, fed)
            return compiled[n_steps]

        if done < settings.n_steps:  # while a signal still ends the process at once
            steps_of(batches(done, next(call_ends(done, settings))))
        else:
            logging.info("%s is already at step %d of %d", workdir, done, settings.n_steps)
        stop = StopRequests(checkpoints.preempted if jax.process_count() > 1 else None)
        schedule = _schedule(settings)
        with stop, PeriodicCalls(settings, workdir, done, checkpoints, schedule, mesh, evaluators, stop) as periodic:
            periodic.catch_up(done, state)
            for end in call_ends(done, settings):
                fed = batches(done, end)
                state, _ = steps_of(fed)(state, *fed)
                state, done = periodic.after_call(end, state), end
    return state


def _restore_or_create(
    config: ConfigDict,
    workdir: str | Path,
    checkpoints: Checkpoints,
    model: AnyModel,
    mesh: Mesh,
    images: np.ndarray,
    initial_params: Callable[[], Any] | None,
) -> TrainState:
    """The state of the last intact checkpoint, if workdir has one, else a new one; writes config.json."""
    n_first = min(_INIT_IMAGES, len(images))
    first_images = images[batch_indices(config.seed, 0, n_first, len(images))]
    key = prng.init_key(config.seed)

    create = _compiled_start(config, model, mesh)
    new = checkpoints.latest_step() is None
    given = initial_params() if new and initial_params else _started(model, first_images)
    if new:
        state = create(key, first_images, given)
    else:
        shapes = jax.eval_shape(create, key, first_images, given)
        state = checkpoints.restore(parallel.abstract_replica(mesh, shapes))
    if parallel.is_main_process():
        write_config(workdir, config)
    return state


def _started(model: AnyModel, images: np.ndarray) -> Any:
    """The initial parameters of a model that makes its own; None for others, whose convolutions a walk makes."""
    return model.start(scale_pixels(images.astype(np.float32))) if isinstance(model, StartingModel) else None


def _compiled_start(config: ConfigDict, model: AnyModel, mesh: Mesh) -> Callable[..., TrainState]:
    """(key, first images, initial parameters or None) -> the state of step 0, on every device."""
    create, options = partial(create_state, model, _optimizer(config.train, model)), training_compiler_options()
    return jax.jit(create, out_shardings=parallel.replicated(mesh), compiler_options=options)


def _compiled_steps(
    config: ConfigDict,
    model: AnyModel,
    net: FloatNet,
    mesh: Mesh,
    state: TrainState,
    fed: tuple[jax.Array, jax.Array | None],
) -> jax.stages.Compiled:
    settings = config.train
    objective, optimizer = make_objective(model, net, settings), _optimizer(settings, model)
    pure = make_step(objective, optimizer, settings.ema_decay, settings.flip)
    return compile_steps(pure, config.seed, mesh).lower(state, *fed).compile()


def _optimizer(settings: ConfigDict, model: AnyModel) -> optax.GradientTransformation:
    optimizer = make_optimizer(settings.optimizer, _schedule(settings), settings.clip_norm, settings.adam_b2)
    return optimizer if isinstance(model, StartingModel) else in_coordinates_of(model.likelihood, optimizer)


def _schedule(settings: ConfigDict) -> Schedule:
    return learning_rate_schedule(
        settings.learning_rate,
        settings.warmup_steps,
        settings.schedule,
        settings.cosine_steps,
        settings.decay_steps,
        settings.decay_factor,
    )


def _compute_dtype(settings: ConfigDict):
    match settings.compute_dtype:
        case "auto":
            return jnp.float32 if jax.default_backend() == "cpu" else jnp.bfloat16
        case "float32" | "bfloat16":
            return jnp.dtype(settings.compute_dtype)
        case other:
            raise ConfigError(f"train.compute_dtype={other!r} is unknown; have auto, float32, bfloat16")


def _unroll(settings: ConfigDict) -> bool:
    """Equal blocks are scanned, except on the CPU, whose convolution gradients are slow in loops (jax #12868)."""
    match settings.unroll:
        case "auto":
            return jax.default_backend() == "cpu"
        case True | "true":
            return True
        case False | "false":
            return False
        case other:
            raise ConfigError(f"train.unroll={other!r} is unknown; have auto, true, false")

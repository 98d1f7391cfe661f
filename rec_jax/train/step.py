"""One training step: a pure (state, batch, key) -> (state, metrics), and calls of several steps, compiled."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax.sharding import Mesh

from rec_jax.core import prng
from rec_jax.core.compilation import training_compiler_options
from rec_jax.train.losses import Objective
from rec_jax.train.metrics import Totals, merge
from rec_jax.train.parallel import batches_sharding, replicated
from rec_jax.train.state import TrainState

_FLIP = 1 << 20  # the number of a key that no layer has

Step = Callable[[TrainState, jax.Array, jax.Array], tuple[TrainState, Totals]]


def ema_update(ema_params: Any, params: Any, count: jax.Array, decay: float) -> Any:
    """e <- d e + (1 - d) params with d = min(decay, (1 + count) / (10 + count)).

    count: updates done before this one. The ramp lets an early average forget the initial parameters.
    """
    ramped = jnp.minimum(decay, (1.0 + count) / (10.0 + count))
    return jax.tree.map(lambda old, new: old + (1.0 - ramped) * (new - old), ema_params, params)


def mirrored(images: jax.Array, key: jax.Array) -> jax.Array:
    """Images [B, H, W, C], each mirrored with probability 1/2."""
    which = jax.random.bernoulli(key, shape=(len(images), 1, 1, 1))
    return jnp.where(which, images[:, :, ::-1], images)


def make_step(
    objective: Objective, optimizer: optax.GradientTransformation, ema_decay: float, flip: bool = False
) -> Step:
    """The step as a pure function; batch is uint8 [B, H, W, 3] and key draws its posterior samples.

    flip: mirror each image with probability 1/2.
    """

    def step(state: TrainState, batch: jax.Array, key: jax.Array) -> tuple[TrainState, Totals]:
        if flip:
            batch = mirrored(batch, prng.child_key(key, _FLIP))
        (loss, parts), gradients = jax.value_and_grad(objective, has_aux=True)(state.params, batch, key, state.step)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        params = optax.apply_updates(state.params, updates)
        norm = optax.tree.norm(gradients)
        number = state.step + 1
        bad_step = jnp.where(jnp.isfinite(loss) & jnp.isfinite(norm), 0, number)
        metrics = Totals(jnp.ones((), jnp.int32), loss, *parts, norm, bad_step)
        ema_params = ema_update(state.ema_params, params, state.step, ema_decay)
        return TrainState(number, params, ema_params, opt_state, merge(state.totals, metrics)), metrics

    return step


def compile_steps(step: Step, seed: int, mesh: Mesh) -> jax.stages.Wrapped:
    """(state, batches, images) -> (state, metrics of the last step): jitted, a step for each of the k batches.

    batches [k, B, H, W, 3] are pictures, with images None; or [k, B] are places in images [N, H, W, 3], which lie on
    every device. The state is donated and replicated, a batch sharded over the mesh. A step's key is a function of the
    seed and its number; the random bits do not depend on the sharding.
    """

    def steps(state, batches, images):
        def one(state, batch):
            pictures = batch if images is None else images.at[batch].get(mode="promise_in_bounds")
            return step(state, pictures, prng.train_key(seed, state.step))

        if len(batches) == 1:  # no loop: the CPU's convolution gradients are slow in one (jax #12868)
            return one(state, batches[0])
        state, metrics = jax.lax.scan(one, state, batches)
        return state, jax.tree.map(lambda values: values[-1], metrics)

    whole = replicated(mesh)
    return jax.jit(
        steps,
        in_shardings=(whole, batches_sharding(mesh), whole),
        out_shardings=(whole, whole),
        donate_argnums=0,
        compiler_options=training_compiler_options(),
    )

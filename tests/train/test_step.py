import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core import prng
from rec_jax.core.compilation import training_compiler_options
from rec_jax.models import make_model
from rec_jax.models.float_net import FloatNet
from rec_jax.train.metrics import Totals, merge, no_totals, summarise
from rec_jax.train.objective import make_objective
from rec_jax.train.optimizers import learning_rate_schedule, make_optimizer
from rec_jax.train.parallel import cut_over, make_mesh, on_every_device, replicated
from rec_jax.train.state import create_state
from rec_jax.train.step import compile_steps, ema_update, make_step
from tests.train.tiny import tiny_config, tiny_images

IMAGES = tiny_images()


@pytest.fixture(scope="module")
def compiled():
    """(a new state, the compiled steps), exactly as the loop builds them for tiny_config()."""
    settings = tiny_config().train
    schedule = learning_rate_schedule(
        settings.learning_rate, settings.warmup_steps, "piecewise", 12, settings.decay_steps, settings.decay_factor
    )
    model = make_model(tiny_config().model)
    optimizer = make_optimizer("adamax", schedule, settings.clip_norm)
    mesh = make_mesh(8)
    create = jax.jit(
        lambda key, images: create_state(model, optimizer, key, images),
        out_shardings=replicated(mesh),
        compiler_options=training_compiler_options(),
    )
    objective = make_objective(model, FloatNet(unroll=True), settings)
    step = make_step(objective, optimizer, settings.ema_decay)
    steps = compile_steps(step, 0, mesh)
    return lambda: create(prng.init_key(0), IMAGES), lambda state, batch: steps(state, batch, None), steps


def batch(*firsts):
    return cut_over(make_mesh(8), IMAGES, np.stack([np.arange(first, first + 8) for first in firsts]))


def equal(one, other):
    return all(bool((a == b).all()) for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))


def test_the_step_is_a_function_of_state_and_batch(compiled):
    create, step, _ = compiled
    first, metrics = step(create(), batch(0))
    again, _ = step(create(), batch(0))
    other, _ = step(create(), batch(8))
    assert equal(first, again) and not equal(first.params, other.params)
    assert first.step == 1 and metrics.n_steps == 1
    assert equal(first.totals, metrics)


def test_another_step_draws_other_samples(compiled):
    create, step, _ = compiled
    one, _ = step(create(), batch(0))
    late = create()
    late = late._replace(step=late.step + 7)
    other, _ = step(late, batch(0))
    assert float(one.totals.distortion_nats_per_dim) != float(other.totals.distortion_nats_per_dim)


def test_the_step_is_compiled_once(compiled):
    create, step, steps = compiled
    state, _ = step(create(), batch(0))
    size = steps._cache_size()
    for first in (8, 4):
        state, _ = step(state, batch(first))
    assert steps._cache_size() == size


def test_several_steps_a_call_and_images_on_the_device(compiled):
    create, step, steps = compiled
    state = create()
    for first in (0, 8, 4):
        state, metrics = step(state, batch(first))
    at_once, last = step(create(), batch(0, 8, 4))
    close = functools.partial(jax.tree.map, functools.partial(np.testing.assert_allclose, rtol=2e-3, atol=1e-4))
    close(at_once, state)
    close(last, metrics)
    places = np.stack([np.arange(first, first + 8, dtype=np.int32) for first in (0, 8, 4)])
    kept = on_every_device(make_mesh(8), IMAGES)
    assert equal(steps(create(), cut_over(make_mesh(8), np.arange(20, dtype=np.int32), places), kept)[0], at_once)


def test_training_lowers_the_loss_and_ema_follows(compiled):
    create, step, _ = compiled
    state = create()
    losses = []
    for _ in range(30):
        state, metrics = step(state, batch(0))
        losses.append(float(metrics.loss_nats_per_dim))
    assert np.mean(losses[-5:]) < 0.9 * losses[0]
    assert not equal(state.params, state.ema_params)
    assert int(state.totals.n_steps) == 30
    assert summarise(state.totals)["loss_bpd"] == pytest.approx(np.mean(losses) / np.log(2), rel=1e-5)


def test_ema_ramps_up():
    old, new = {"w": jnp.zeros(())}, {"w": jnp.ones(())}
    assert float(ema_update(old, new, jnp.asarray(0), 0.999)["w"]) == pytest.approx(0.9)  # d = 1/10
    assert float(ema_update(old, new, jnp.asarray(90), 0.999)["w"]) == pytest.approx(9 / 100)
    assert float(ema_update(old, new, jnp.asarray(10**6), 0.999)["w"]) == pytest.approx(0.001, rel=1e-3)


def test_totals_keep_the_first_bad_step():
    def one(bad_step):
        return Totals(*(jnp.ones(()) for _ in range(5)), jnp.asarray(bad_step))

    totals = no_totals()
    for bad_step in (0, 2, 3, 0):
        totals = merge(totals, one(bad_step))
    assert totals.first_bad_step == 2 and totals.n_steps == 4

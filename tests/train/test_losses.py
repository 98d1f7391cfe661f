import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rec_jax.core import prng
from rec_jax.core.compilation import training_compiler_options
from rec_jax.models import make_model
from rec_jax.models.float_net import FloatNet
from rec_jax.models.init import init_params
from rec_jax.train.losses import free_bits_kl_nats, kl_weight_schedule, negative_elbo
from tests.train.tiny import tiny_config, tiny_images


def test_free_bits_count_per_layer_and_channel_on_the_batch_mean():
    kl_nats = jnp.array([[[0.0, 3.0], [0.3, 0.0]], [[0.1, 1.0], [0.1, 0.0]]])  # [B=2, L=2, C=2]
    mask = np.array([[True, True], [True, False]])
    # means: 0.05 -> 0.1; 2.0; 0.2; a channel that is not there costs nothing
    assert float(free_bits_kl_nats(kl_nats, mask, 0.1)) == pytest.approx(2.3)
    assert float(free_bits_kl_nats(kl_nats, mask, 0.0)) == pytest.approx(2.25)


def test_a_channel_below_its_free_nats_gets_no_gradient():
    gradient = jax.grad(lambda kl: free_bits_kl_nats(kl, np.ones((1, 2), bool), 0.1))(jnp.array([[[0.05, 0.2]]]))
    np.testing.assert_array_equal(gradient, [[[0.0, 1.0]]])


def test_loss_is_the_negative_elbo_per_dimension_plus_what_free_bits_add():
    model, images = make_model(tiny_config().model), jnp.asarray(tiny_images(8))
    options = training_compiler_options()
    params = jax.jit(init_params, static_argnums=0, compiler_options=options)(model, prng.init_key(0), images)
    loss_of = jax.jit(negative_elbo, static_argnums=(1, 2), compiler_options=options)
    net = FloatNet()
    loss, parts = jax.device_get(loss_of(params, model, net, images, prng.train_key(0, 0), 0.0))
    assert float(loss) == pytest.approx(float(sum(parts)), rel=1e-6)
    more, same_parts = jax.device_get(loss_of(params, model, net, images, prng.train_key(0, 0), 100.0))
    distortion = float(parts.distortion_nats_per_dim)
    assert float(more) == pytest.approx(distortion + 2 * 100.0 / (8 * 8 * 3), rel=1e-6)  # 2 channels
    assert same_parts == parts


def test_kl_weight_rises_to_one():
    assert float(kl_weight_schedule(jnp.asarray(0), 10)) == pytest.approx(0.1)
    assert float(kl_weight_schedule(jnp.asarray(5), 10)) == pytest.approx(0.55)
    assert float(kl_weight_schedule(jnp.asarray(50), 10)) == 1.0
    assert float(kl_weight_schedule(jnp.asarray(0), 0)) == 1.0

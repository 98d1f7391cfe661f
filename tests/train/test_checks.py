"""Values that cannot work are refused by name before anything is done."""

import numpy as np
import pytest

from rec_jax.core.errors import ConfigError
from rec_jax.models import make_model
from rec_jax.train.checks import check_images, check_values
from tests.train.tiny import tiny_config

STRIDE = 2
MODEL = make_model(tiny_config().model)


def test_the_base_values_pass():
    check_values(tiny_config(), MODEL)
    config = tiny_config(clip_norm=float("inf"), evaluate_images=0, evaluate_every=0, unroll="true", decay_steps=())
    config.data.update(dict(patch=0, patch_test=0))
    check_values(config, MODEL)


BAD = {
    "seed": [-1, 2**31],
    "data.patch": [-2, 31],
    "data.patch_test": [-2, 33],
    "data.patches_per_image": [-1],
    "data.crop_seed": [-1],
    "train.optimizer": ["sgd"],
    "train.learning_rate": [0.0, -1e-3, float("nan"), float("inf")],
    "train.schedule": ["linear"],
    "train.warmup_steps": [-1, 2**31],
    "train.decay_steps": [(-1,), (2**31,), (1.5,), ("a",)],
    "train.decay_factor": [0.0, -1.0, float("nan")],
    "train.cosine_steps": [0, 2**31],
    "train.n_steps": [0, -5, 2**31],
    "train.batch_size": [0],
    "train.free_nats": [-0.1, float("nan")],
    "train.kl_warmup_steps": [-1, 2**31],
    "train.most_dim_nats": [0.0, float("nan")],
    "train.beyond_weight": [-0.1, float("nan")],
    "train.ema_decay": [1.0, 1.5, -0.1, float("nan")],
    "train.clip_norm": [0.0, -1.0, float("nan")],
    "train.compute_dtype": ["float16"],
    "train.unroll": ["maybe"],
    "train.log_every": [0],
    "train.evaluate_every": [-1],
    "train.evaluate_images": [-1],
    "train.save_every": [0, -1],
    "train.keep_checkpoints": [0],
    "evaluate.split": ["valid"],
    "evaluate.n_images": [0, -1],
    "evaluate.batch_size": [0],
    "evaluate.qualities": [(), (101,), (-1,), (50.0,), (True,), (10, 10), 50, ([],)],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_values_that_cannot_work(name, value):
    config = tiny_config()
    with config.ignore_type():
        config.update_from_flattened_dict({name: value})
    with pytest.raises(ConfigError, match=f"^{name}=") as caught:
        check_values(config, MODEL)
    assert "must be" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.zeros((20, 8, 8, 3), np.float32), "must be uint8"),
        (np.zeros((20, 8, 8), np.uint8), "must be uint8"),
        (np.zeros((20, 8, 9, 3), np.uint8), "9x8, sides must be multiples of the model's stride 2: set data.patch"),
        (np.zeros((7, 8, 8, 3), np.uint8), "train.batch_size=8 is more than the 7 training images"),
    ],
)
def test_images_that_cannot_be_trained(images, words):
    with pytest.raises(ConfigError, match=words):
        check_images(images, 8, STRIDE)

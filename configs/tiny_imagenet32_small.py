"""A STAND-IN for ImageNet32: Tiny ImageNet reduced to 32x32. No number of it may be compared with ImageNet32's.

python launch.py --config=configs/tiny_imagenet32_small.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

The shipped model, with --config.train.n_steps=9000 --config.train.cosine_steps=9000: 9 minutes of one core beside other
work; first 1,000 validation images: ELBO 4.983 bits/dim, of which KL 1.787. The one before, from cifar10-rvae-800k:
5.043 on the first 500, KL 1.817.
"""

from configs.base import base, choose_coder, with_argument


def get_config(argument: str = ""):
    """The shipped model of configs/cifar10_small.py, trained further; the whole KL counts from the first step."""
    config = choose_coder(base(), "tree")
    config.data.update(dict(name="tiny_imagenet32", split_test="validation"))
    config.model.levels = ((2, 2, 32, 16), (4, 2, 48, 16))
    config.train.update(dict(initial_model="cifar10-rvae", n_steps=15_000, batch_size=16, learning_rate=1e-3))
    config.train.update(dict(warmup_steps=200, schedule="cosine", cosine_steps=15_000, decay_steps=()))
    config.train.update(dict(evaluate_every=5_000, save_every=1_000, log_every=200))
    return with_argument(config, argument)

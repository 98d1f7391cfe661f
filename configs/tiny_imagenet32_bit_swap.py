"""Bit-Swap on a STAND-IN for ImageNet32: Tiny ImageNet at 32x32. No number of it may be compared with ImageNet32's.

python launch.py --config=configs/tiny_imagenet32_bit_swap.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_bit_swap, choose_coder, with_argument


def get_config(argument: str = ""):
    """The network, steps and cost of configs/cifar10_bit_swap.py."""
    config = choose_bit_swap(choose_coder(base(), "tree"))
    config.data.update(dict(name="tiny_imagenet32", split_test="validation"))
    config.train.update(dict(n_steps=12_000, cosine_steps=12_000))
    config.train.update(dict(evaluate_every=500, evaluate_images=100, save_every=250, log_every=50))
    return with_argument(config, argument)

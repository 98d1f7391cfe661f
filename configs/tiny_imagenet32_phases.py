"""By phases, a STAND-IN for ImageNet32: Tiny ImageNet at 32x32. No number of it may be compared with ImageNet32's.

python launch.py --config=configs/tiny_imagenet32_phases.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_coder, choose_phases, with_argument


def get_config(argument: str = ""):
    """From the shipped model of CIFAR10."""
    config = choose_phases(choose_coder(base(), "tree"))
    config.data.update(dict(name="tiny_imagenet32", split_test="validation"))
    config.train.update(dict(initial_model="cifar10", n_steps=20_000, batch_size=32, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

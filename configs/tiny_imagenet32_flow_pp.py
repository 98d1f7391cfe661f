"""A STAND-IN for ImageNet32: Tiny ImageNet reduced to 32x32, by the small Flow++ of configs/cifar10_flow_pp.py.

python launch.py --config=configs/tiny_imagenet32_flow_pp.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

No number of it may be compared with ImageNet32's.
"""

from configs.base import base, choose_coder, choose_flow_pp, with_argument


def get_config(argument: str = ""):
    """The same model and training, from nothing."""
    config = choose_flow_pp(choose_coder(base(), "tree"))
    config.data.update(dict(name="tiny_imagenet32", split_test="validation"))
    config.train.update(dict(n_steps=20_000, batch_size=16, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

"""An integer discrete flow on a STAND-IN for ImageNet32: Tiny ImageNet at 32x32. No number of it may be compared with
ImageNet32's.

python launch.py --config=configs/tiny_imagenet32_idf.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_coder, choose_idf, with_argument


def get_config(argument: str = ""):
    """Not run yet at full length."""
    config = choose_idf(choose_coder(base(), "tree"))
    config.data.update(dict(name="tiny_imagenet32", split_test="validation"))
    config.train.update(dict(n_steps=10_000, batch_size=32, cosine_steps=10_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

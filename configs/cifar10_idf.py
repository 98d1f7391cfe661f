"""CIFAR10 by an integer discrete flow, a rival of relative entropy coding (docs/RIVALS.md).

python launch.py --config=configs/cifar10_idf.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_coder, choose_idf, with_argument


def get_config(argument: str = ""):
    """1,092,137 parameters; the shipped model is of half its steps (docs/MODELS.md)."""
    config = choose_idf(choose_coder(base(), "tree"))
    config.train.update(dict(n_steps=10_000, batch_size=32, cosine_steps=10_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

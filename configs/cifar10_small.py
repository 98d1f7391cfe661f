"""The shipped model: the paper's VAE at the size that a CPU trains in an hour and codes in a fraction of a second.

python launch.py --config=configs/cifar10_small.py --config.data.data_dir=DIR --workdir=runs/cifar10_small --mode=train
python launch.py --config=configs/cifar10_small.py --config.data.data_dir=DIR --workdir=runs/cifar10_small --mode=export
"""

from configs.base import base, choose_coder, with_argument


def get_config(argument: str = ""):
    """Two levels of two blocks; the KL's weight grows slowly, so that the latents carry what the paper's carry."""
    config = choose_coder(base(), "tree")
    config.model.levels = ((2, 2, 32, 16), (4, 2, 48, 16))
    config.train.update(dict(n_steps=50_000, batch_size=16, learning_rate=2e-3, decay_steps=()))
    config.train.update(dict(schedule="cosine", cosine_steps=60_000, kl_warmup_steps=50_000))
    config.train.update(dict(evaluate_every=5_000, save_every=1_000, log_every=200))
    return with_argument(config, argument)

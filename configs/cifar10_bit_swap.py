"""Bit-Swap on CIFAR10: bits-back coding over a Markov chain of latents, a rival of Table 1 (docs/RIVALS.md).

python launch.py --config=configs/cifar10_bit_swap.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
python launch.py --config=configs/cifar10_bit_swap.py --config.data.data_dir=DIR --workdir=runs/x --mode=evaluate
"""

from configs.base import base, choose_bit_swap, choose_coder, with_argument


def get_config(argument: str = ""):
    """891,128 parameters; 60 minutes of two cores by the estimate of docs/RIVALS.md; run for a quarter of its steps."""
    config = choose_bit_swap(choose_coder(base(), "tree"))
    config.train.update(dict(n_steps=12_000, cosine_steps=12_000))
    config.train.update(dict(evaluate_every=500, evaluate_images=100, save_every=250, log_every=50))
    return with_argument(config, argument)

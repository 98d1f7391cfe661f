"""CIFAR10 by a small Flow++, which local bits-back codes: the rival LBB of Table 1 (docs/RIVALS.md).

python launch.py --config=configs/cifar10_flow_pp.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_coder, choose_flow_pp, with_argument


def get_config(argument: str = ""):
    """Couplings 2 + 1 + 2, dequantiser of 2; networks of 2 blocks of 32 channels, mixtures of 4."""
    config = choose_flow_pp(choose_coder(base(), "tree"))
    config.train.update(dict(n_steps=20_000, batch_size=16, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

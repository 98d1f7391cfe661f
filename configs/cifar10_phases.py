"""CIFAR10 by phases: no latents, every pixel given pixels all around it (docs/phases.md).

python launch.py --config=configs/cifar10_phases.py --config.data.data_dir=DIR --workdir=runs/x --mode=train
"""

from configs.base import base, choose_coder, choose_phases, with_argument


def get_config(argument: str = ""):
    """The network of the shipped model; a step of 32 images takes a third of a second of one CPU core."""
    config = choose_phases(choose_coder(base(), "tree"))
    config.train.update(dict(n_steps=20_000, batch_size=32, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=200, save_every=250, log_every=50))
    return with_argument(config, argument)

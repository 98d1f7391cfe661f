"""Kodak, whole pictures in tiles, under a model trained elsewhere (the paper: the ImageNet32 one).

Train with configs/imagenet32_rvae.py (or any other), then evaluate its workdir on Kodak:
python launch.py --config=configs/kodak_lossless.py --config.data.data_dir=DIR --workdir=WORKDIR --mode=evaluate

Published: ELBO 3.00 bits/dim, iREC files 3.67 bits/dim (published numbers; a run here: not run).
"""

from configs.base import base, with_argument


def get_config(argument: str = ""):
    """Evaluation only: Kodak has no training split."""
    config = base()
    config.data.name = "kodak"
    config.data.split_train = "test"
    config.evaluate.n_images = 24
    return with_argument(config, argument)

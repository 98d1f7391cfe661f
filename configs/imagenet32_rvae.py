"""ImageNet32 with the paper's model; the data set is prepared from your own archive (rec_jax.data.prepare).

python launch.py --config=configs/imagenet32_rvae.py --workdir=runs/imagenet32_rvae --mode=train

Published: ELBO 4.18 bits/dim, iREC files 4.91 bits/dim (published numbers; a full run here: not run).
"""

from configs.base import base, with_argument


def get_config(argument: str = ""):
    """The paper's CIFAR10 settings on ImageNet32, whose held-out split is called validation."""
    config = base()
    config.data.name = "downsampled_imagenet/32x32"
    config.data.split_test = "validation"
    return with_argument(config, argument)

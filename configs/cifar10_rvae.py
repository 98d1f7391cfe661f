"""CIFAR10 with the paper's model: 24 blocks of 160 + 32 channels at 16x16, one learned scale.

python launch.py --config=configs/cifar10_rvae.py --workdir=runs/cifar10_rvae --mode=train

Published: ELBO 3.55 bits/dim, iREC files 4.18 bits/dim (published numbers; a full run here: not run).
`:quick` shrinks everything to seconds on a CPU, on the embedded photographs.
"""

from configs.base import base, with_argument


def get_config(argument: str = ""):
    """The paper's settings are the base config's."""
    return with_argument(base(), argument)


def sweep() -> list[dict]:
    """The authors' grid over the coder (of their released program): omega x epsilon x beams."""
    return [
        {"coder.omega": omega, "coder.epsilon": epsilon, "coder.n_beams": n_beams}
        for omega in (2.0, 3.0, 4.0, 5.0, 6.0)
        for epsilon in (0.0, 0.1, 0.2, 0.5)
        for n_beams in (1, 10, 50)
    ]

"""Lossy pictures by quantised latents under a mean-scale hyperprior, the rival of configs/photos_lossy.py.

python launch.py --config=configs/photos_hyperprior.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

Balle et al. 2018's scale hyperprior: --config.model.hyperprior=scale. The same crops, steps and loss.
"""

from configs.base import base, choose_coder, choose_hyperprior, with_argument


def get_config(argument: str = ""):
    """Crops of 128x128, each at a quality of its own."""
    config = choose_hyperprior(choose_coder(base(), "tree"), "mean_scale")
    config.data.update(dict(kind="folder", name="photographs", patch=128, variants=6, patches_per_image=20))
    config.train.update(dict(n_steps=20_000, batch_size=8, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=9, n_pictures=9, save_every=250, log_every=50))
    return with_argument(config, argument)

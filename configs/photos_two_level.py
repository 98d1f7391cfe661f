"""Lossy pictures by the paper's two-level VAE, which configs/photos_lossy.py's model is to better (docs/LOSSY.md).

python launch.py --config=configs/photos_two_level.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

The same crops, steps and loss; for MS-SSIM: --config.model.distortion=ms_ssim.
"""

from configs.base import base, choose_coder, choose_two_level, with_argument


def get_config(argument: str = ""):
    """Crops of 128x128, each at a quality of its own."""
    config = choose_two_level(choose_coder(base(), "tree"))
    config.data.update(dict(kind="folder", name="photographs", patch=128, variants=6, patches_per_image=20))
    config.train.update(dict(n_steps=20_000, batch_size=8, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=9, n_pictures=9, save_every=250, log_every=50))
    return with_argument(config, argument)

"""Natural photographs by phases, for pictures of any size (docs/phases.md).

python launch.py --config=configs/photos_phases.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

DIR has two folders of photographs, train and test, of about 1536x1024 pixels: crops are cut from changed copies of
them (rec_jax/data/jitter.py), reduced by 1.25 to 3.4, which also removes the traces of their JPEG compression.
"""

from configs.base import base, choose_coder, choose_phases, with_argument


def get_config(argument: str = ""):
    """Crops of 64x64: the levels below are trained on what a crop leaves of them."""
    config = choose_phases(choose_coder(base(), "tree"))
    config.data.update(dict(kind="folder", name="photographs", patch=64, variants=6, patches_per_image=60))
    config.train.update(dict(n_steps=20_000, batch_size=8, cosine_steps=20_000))
    config.train.update(dict(evaluate_every=1_000, evaluate_images=9, save_every=250, log_every=50))
    return with_argument(config, argument)

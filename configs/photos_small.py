"""Natural photographs at the scale of Kodak's, for whole pictures in tiles of 64x64.

python launch.py --config=configs/photos_small.py --config.data.data_dir=DIR --workdir=runs/x --mode=train

DIR has two folders of photographs, train and test, of about 768x512 pixels: reduce larger ones, which also removes
the traces of their JPEG compression.
"""

from configs.base import base, with_argument


def get_config(argument: str = ""):
    """The shipped model of configs/cifar10_small.py, trained further on crops as large as the codec's tiles."""
    config = base()
    config.data.update(dict(kind="folder", name="photographs", patch=64, patches_per_image=256))
    config.model.levels = ((2, 2, 32, 16), (4, 2, 48, 16))
    config.train.update(dict(initial_model="cifar10-small", n_steps=8_000, batch_size=8, learning_rate=1e-3))
    config.train.update(dict(warmup_steps=200, schedule="cosine", cosine_steps=8_000, decay_steps=()))
    config.train.update(dict(evaluate_every=1_000, save_every=500, log_every=100))
    return with_argument(config, argument)

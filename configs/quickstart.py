"""The photographs inside scikit-image, cut to 32x32: no network, no data set to prepare; minutes on a CPU.

python launch.py --config=configs/quickstart.py --workdir=runs/quickstart --mode=train
"""

from configs.base import base, choose_coder, with_argument


def get_config(argument: str = ""):
    """A small network for a first look."""
    config = choose_coder(base(), "tree")
    config.data.update(dict(kind="embedded", name="photographs"))
    config.model.update(dict(levels=((2, 1, 32, 8), (4, 1, 48, 16)), likelihood="colour_mixture", n_components=2))
    config.train.update(dict(n_steps=2_000, batch_size=16, learning_rate=2e-3, decay_steps=()))
    config.train.update(dict(schedule="cosine", cosine_steps=2_000))
    config.train.update(dict(evaluate_every=500, evaluate_images=128, save_every=500))
    config.evaluate.update(dict(n_images=32, batch_size=16))
    return with_argument(config, argument)
